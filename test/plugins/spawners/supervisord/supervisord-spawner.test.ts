import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createRegistry, type Logger, silentLogger } from '../../../../core/index.js';
import tcpChecker from '../../../../plugins/checkers/tcp/index.js';
import plugin from '../../../../plugins/spawners/supervisord/index.js';
import supervisor from '../../../../plugins/supervisor/index.js';
import { describeSpawner } from '../../../contracts/spawner.js';
import { needs } from '../../../support/needs.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { freePort, listenRaw } from '../../checkers/raw-peer.js';
import { type Daemon, spawnerFor, startSupervisord, subjectFor } from './daemon.js';

const supervisord = needs('supervisord', '--version');

describe.skipIf(!supervisord.isMet)(`supervisord spawner${supervisord.note}`, () => {
  let daemon: Daemon;
  beforeAll(async () => {
    daemon = await startSupervisord();
  });
  afterAll(() => daemon.dispose());

  describe('holds the contract over HTTP', () =>
    describeSpawner({ test, create: async () => subjectFor(daemon) }));
  describe('holds the contract over a Unix socket', () =>
    describeSpawner({ test, create: async () => subjectFor(daemon, { url: daemon.socket }) }));

  /** A spawner until the test ends, and what it warns of. */
  function spawning(overrides: Parameters<typeof spawnerFor>[1] = {}) {
    const lines: string[] = [];
    const line = (_: unknown, text: string) => void lines.push(text);
    const { spawner, close } = spawnerFor(daemon, overrides, {
      ...silentLogger,
      warn: line,
      info: line,
    } as Logger);
    onTestFinished(close);
    return { spawner, lines };
  }
  const start = async (program: string, overrides: Parameters<typeof spawnerFor>[1] = {}) =>
    spawning(overrides).spawner.spawn(await daemon.input({}, program));
  const stateOf = async (program: string) =>
    ((await daemon.rpc.call('getProcessInfo', program)) as { statename: string }).statename;

  test('a program of a group is started by both names, and sent the signal that is asked for', async () => {
    const handle = await start('outer:inner');
    expect(handle.ref).toMatchObject({ on: 'main', program: 'outer:inner' });
    await handle.stop('SIGINT');
    expect(await handle.exited).toEqual({ code: null, signal: null });
    expect(await stateOf('outer:inner')).toBe('EXITED');
  });

  test('one that supervisord would start again is not, when it is stopped', async () => {
    const handle = await start('stubborn');
    await handle.stop('SIGKILL');
    await handle.exited;
    await expect.poll(() => stateOf('stubborn'), { timeout: 5_000 }).toBe('STOPPED');
  });

  test('one that it does start again by itself is told as ended, and stopped, with advice', async () => {
    const { spawner, lines } = spawning();
    const handle = await spawner.spawn(await daemon.input({}, 'stubborn'));
    process.kill(handle.pid as number, 'SIGKILL');
    expect(await handle.exited).toMatchObject({ signal: null });
    await expect
      .poll(() => lines, { timeout: 8_000 })
      .toEqual([expect.stringMatching(/starts stubborn:stubborn again by itself.*Set autorestart=false/)]);
    await expect.poll(() => stateOf('stubborn'), { timeout: 5_000 }).toBe('STOPPED');
  });

  test('another run of the same program is neither adopted nor signalled', async () => {
    const handle = await start('outer:inner');
    const { spawner } = spawning();
    const { pid, start: begun } = handle.ref as { pid: number; start: number };
    expect(await spawner.adopt({ ...handle.ref, pid: pid + 1 })).toBeUndefined();
    expect(await spawner.adopt({ ...handle.ref, start: begun - 1 })).toBeUndefined();
    expect(await spawner.adopt({ ...handle.ref, program: 'no:such' })).toBeUndefined();
    await expect(spawner.adopt({ ...handle.ref, on: 'other' })).rejects.toThrow(/no server "other" any more/);
    await handle.stop('SIGKILL');
    await handle.exited;
  });

  test('when supervisord is gone nothing has ended until it is back and says so', async () => {
    const { spawner, lines } = spawning();
    const handle = await spawner.spawn(await daemon.input({}, 'outer:inner'));
    let hasEnded = false;
    handle.exited.then(() => {
      hasEnded = true;
    });
    await daemon.end('SIGKILL');
    await expect.poll(() => lines, { timeout: 5_000 }).toEqual([expect.stringMatching(/taken to run on\.$/)]);
    expect(hasEnded).toBe(false);
    process.kill(handle.pid as number, 'SIGKILL');
    await daemon.start();
    expect(await handle.exited).toEqual({ code: null, signal: null });
    await expect.poll(() => lines.slice(1)).toEqual(['supervisord "main" answers again.']);
  }, 20_000);

  test('a supervised service is a program of it, found under the port that both know, and ended with the registry', async () => {
    const { spec, port } = await daemon.input();
    const services = { one: { spawner: 'supervisord', port, ...(spec as object) } };
    const plugins = [tcpChecker, [plugin, { servers: { main: daemon.server } }], [supervisor, { services }]];
    const registry = await createRegistry({
      config: { store: 'memory', plugins: plugins as never },
      folder: await tempFolder(),
      logger: silentLogger,
    });
    onTestFinished(() => registry.stop());
    await registry.start();
    expect(await registry.services.resolve('one', { waitMs: 10_000 })).toMatchObject({
      host: '127.0.0.1',
      port,
    });
    const { program } = spec as { program: string };
    expect(await stateOf(program)).toBe('RUNNING');
    await registry.stop();
    expect(await stateOf(program)).toMatch(/STOPPED|EXITED/);
  });

  describe('a start that fails says what to do', () => {
    test('for a program that is not known', () =>
      expect(start('none')).rejects.toThrow(
        /"none" of service "probe": it has no program of that name.*supervisorctl/,
      ));
    test('for one whose file is missing', () =>
      expect(start('missing')).rejects.toThrow(/the file of its `command` is not there/));
    test('for one that ends too soon for supervisord, which would try it again', async () => {
      const outcome = await start('hasty').then(
        ({ exited }) => exited,
        (error) => error.message,
      );
      // Whether its end is seen at once is chance; that it is not tried again is not.
      if (typeof outcome === 'string') expect(outcome).toMatch(/it is BACKOFF: /);
      await expect.poll(() => stateOf('hasty'), { timeout: 5_000 }).toMatch(/STOPPED|FATAL/);
    });
    test('for one that runs already, which is left alone', async () => {
      await daemon.rpc.call('startProcess', 'outer:inner', false);
      await expect(start('outer:inner')).rejects.toThrow(
        /runs already, and not by this registry.*autostart=false/,
      );
      expect(await stateOf('outer:inner')).toBe('RUNNING');
      await daemon.rpc.call('stopProcess', 'outer:inner');
    });
    test('for a service whose port changes, while that of a program can not', async () => {
      const { spawner } = spawning();
      const input = await daemon.input({}, 'outer:inner');
      const handle = await spawner.spawn(input);
      await handle.stop('SIGKILL');
      await handle.exited;
      await expect(spawner.spawn({ ...input, port: input.port + 1 })).rejects.toThrow(
        new RegExp(`given port ${input.port} before and ${input.port + 1} now. Set \`port\``),
      );
    });
    test('for a wrong password', () =>
      expect(start('outer:inner', { password: 'wrong' })).rejects.toThrow(/another `user` and `password`/));
    test('for a socket that is not there', () =>
      expect(start('outer:inner', { url: 'unix:///no-such/socket' })).rejects.toThrow(
        /does not listen there/,
      ));
    test('for a port on which nobody listens, or something else', async () => {
      const { port } = await freePort();
      await expect(start('x', { url: `http://127.0.0.1:${port}` })).rejects.toThrow(
        /does not listen there.*`url`/,
      );
      const peer = await listenRaw((socket) =>
        socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'),
      );
      await expect(start('x', { url: `http://127.0.0.1:${peer.port}` })).rejects.toThrow(
        /HTTP 404: is `url`/,
      );
      const babble = await listenRaw((socket) =>
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'),
      );
      await expect(start('x', { url: `http://127.0.0.1:${babble.port}` })).rejects.toMatchObject({
        code: 'SPAWN_FAILED',
      });
    });
  });
});
