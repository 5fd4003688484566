import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { createRegistry, silentLogger } from '../../../../core/index.js';
import { builtins } from '../../../../plugins/index.js';
import { tempFolder } from '../../../support/temp-folder.js';
import { ID, json, refuse, state } from './fake-engine.js';
import { closeAll, until, untilTrue, withEngine } from './subject.js';

afterEach(closeAll);

describe('the end of a container', () => {
  test('is not told while the engine is away, and once it is back', async () => {
    const { engine, spawner, clock, log, input } = await withEngine();
    const { exited } = await spawner.spawn(input());
    await untilTrue(() => engine.count('POST /containers/ID/wait') > 0);
    await engine.close();
    await untilTrue(() => log.messages('warn').length > 0);
    for (let seconds = 0; seconds < 600; seconds++) await clock.advance(1_000);
    engine.answers['POST /containers/ID/wait'] = json({ StatusCode: 9 });
    await engine.listen();
    expect(await until(() => clock.advance(1_000), exited)).toEqual({ code: 9, signal: null });
    expect(log.messages('warn')).toHaveLength(1);
    expect(log.messages('info')).toEqual([expect.stringContaining('answers again')]);
  });

  test.each([
    ['no JSON', (response: { end(text: string): unknown }) => response.end('<html>')],
    ['null', json(null)],
    ['no number', json({ StatusCode: { $gt: 0 } })],
    [
      'a redirect',
      (response: { writeHead(status: number, headers: object): { end(): unknown } }) =>
        response.writeHead(302, { Location: 'ftp://x/' }).end(),
    ],
    [
      'an endless one',
      (response: { write(text: string): unknown; end(): unknown }) => {
        for (let count = 0; count < 80; count++) response.write('x'.repeat(65_536));
        response.end();
      },
    ],
    [
      'an upgrade',
      (response: { writeHead(status: number, headers: object): { end(): unknown } }) =>
        response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'tcp' }).end(),
    ],
    [
      'a broken one',
      (response: { write(text: string): unknown; destroy(): unknown }) => {
        response.write('{"Status');
        response.destroy();
      },
    ],
  ])('is looked up where the answer about it is %s', async (_, answer) => {
    const { engine, spawner, clock, input } = await withEngine({
      'POST /containers/ID/wait': answer as never,
    });
    const { exited } = await spawner.spawn(input());
    await untilTrue(
      () => engine.count('POST /containers/ID/wait') > 1,
      () => clock.advance(100),
    );
    engine.answers['GET /containers/ID/json'] = state(false, 5);
    expect(await until(() => clock.advance(1_000), exited)).toEqual({ code: 5, signal: null });
  });

  test('of one that another has removed has no code', async () => {
    const { spawner, input } = await withEngine({
      'POST /containers/ID/wait': refuse(404, 'no such container'),
    });
    expect(await (await spawner.spawn(input())).exited).toEqual({ code: null, signal: null });
  });

  test('is asked for anew after some minutes, in case the engine has forgotten it', async () => {
    const { engine, spawner, clock, input } = await withEngine();
    await spawner.spawn(input());
    await untilTrue(() => engine.count('POST /containers/ID/wait') === 1);
    await clock.advance(300_000);
    await untilTrue(
      () => engine.count('POST /containers/ID/wait') === 2,
      () => clock.advance(10),
    );
  });

  test('is followed by its removal, which is tried again where it fails', async () => {
    const { engine, spawner, clock, input } = await withEngine({
      'POST /containers/ID/wait': json({ StatusCode: 0 }),
      'GET /containers/ID/logs': (response) => response.end(),
      'DELETE /containers/ID': refuse(500, 'busy'),
    });
    await (await spawner.spawn(input())).exited;
    await untilTrue(() => engine.count('DELETE /containers/ID') > 0);
    engine.answers['DELETE /containers/ID'] = (response) => response.writeHead(204).end();
    await untilTrue(
      () => engine.count('DELETE /containers/ID') > 1,
      () => clock.advance(1_000),
    );
  });
});

test('many containers at once are no cause for warnings', async () => {
  const warnings: Error[] = [];
  const listen = (warning: Error) => void warnings.push(warning);
  process.on('warning', listen);
  const { engine, spawner, log, input } = await withEngine();
  const instances = Array.from({ length: 50 }, (_, index) => input({}, { instance: `web-${index}` }));
  await Promise.all(instances.map((each) => spawner.spawn(each)));
  await untilTrue(() => engine.count('POST /containers/ID/wait') === 50);
  await engine.close();
  await untilTrue(() => log.messages('warn').length > 0);
  await spawner.close();
  await new Promise(setImmediate);
  process.off('warning', listen);
  expect(warnings).toEqual([]);
  expect(log.messages('warn')).toHaveLength(1);
});

describe('stopping', () => {
  test('one that has just ended is no error, whatever the engine says', async () => {
    const { spawner, input, engine } = await withEngine({
      'POST /containers/ID/kill': refuse(500, 'improper state'),
    });
    const handle = await spawner.spawn(input());
    engine.answers['GET /containers/ID/json'] = state(false);
    await handle.stop('SIGTERM');
    engine.answers['GET /containers/ID/json'] = refuse(404, 'no such container');
    await handle.stop('SIGKILL');
  });

  test('one that runs on says why', async () => {
    const { spawner, input } = await withEngine({
      'POST /containers/ID/kill': refuse(500, 'permission denied'),
    });
    await expect((await spawner.spawn(input())).stop('SIGTERM')).rejects.toThrow('permission denied');
  });
});

describe('output', () => {
  const frame = (stream: number, text: string) => {
    const header = Buffer.alloc(8);
    header[0] = stream;
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const copied = async (pieces: readonly Buffer[], expected: string) => {
    const { spawner, input } = await withEngine({
      'GET /containers/ID/logs': async (response) => {
        response.writeHead(200);
        for (const piece of pieces) {
          response.write(piece);
          await new Promise(setImmediate);
        }
      },
    });
    const given = input();
    await spawner.spawn(given);
    await untilTrue(async () => (await readFile(given.logFile, 'utf8')).length >= expected.length);
    expect(await readFile(given.logFile, 'utf8')).toBe(expected);
  };

  test('comes without the frames that it is sent in, wherever they are cut', async () => {
    const bytes = Buffer.concat([
      frame(1, 'out ä\n'),
      frame(2, ''),
      frame(2, 'err\n'),
      frame(1, 'x'.repeat(300)),
    ]);
    const expected = `out ä\nerr\n${'x'.repeat(300)}`;
    await copied([bytes], expected);
    await copied(
      [...bytes].map((byte) => Buffer.from([byte])),
      expected,
    );
  });

  test('without frames is taken as it is, and a frame of any length is not waited for', async () => {
    await copied([Buffer.from('plain '), Buffer.from('text')], 'plain text');
    await copied([Buffer.from([1, 0, 0, 0, 255, 255, 255, 255]), Buffer.from('soon')], 'soon');
  });

  test('that breaks off is taken up where it broke', async () => {
    let breakOff = () => {};
    const { engine, spawner, clock, input } = await withEngine({
      'GET /containers/ID/logs': (response) => {
        response.write(frame(1, 'one\n'));
        breakOff = () => response.destroy();
      },
    });
    const given = input();
    await spawner.spawn(given);
    await untilTrue(async () => (await readFile(given.logFile, 'utf8')) === 'one\n');
    engine.answers['GET /containers/ID/logs'] = (response) => response.write(frame(1, 'two\n'));
    breakOff();
    await untilTrue(async () => {
      await clock.advance(100);
      return (await readFile(given.logFile, 'utf8')).endsWith('two\n');
    });
    const since = engine.asked
      .filter(({ path }) => path.endsWith('/logs'))
      .map(({ query }) => Number(query.get('since')));
    expect(since[0]).toBe(0);
    expect(since.at(-1)).toBeGreaterThan(0);
  });

  test('that the engine does not keep is said to be missing, and harms nothing else', async () => {
    const { spawner, log, input } = await withEngine({
      'GET /containers/ID/logs': refuse(501, 'configured logging driver does not support reading'),
    });
    await spawner.spawn(input());
    await untilTrue(() => log.messages('warn').length > 0);
    expect(log.messages('warn')[0]).toMatch(/not copied to .*1\.log: configured logging driver/);
  });
});

describe('adoption', () => {
  const ref = (log: string) => ({ id: ID, host: '127.0.0.1', port: 9_000, log });

  test('takes one up whose engine is away: nobody knows that it has ended', async () => {
    const { engine, spawner, clock, log, input } = await withEngine();
    await engine.close();
    const adopted = await spawner.adopt(ref(input().logFile));
    expect(adopted).toMatchObject({ host: '127.0.0.1', port: 9_000 });
    expect(log.messages('warn')).toHaveLength(1);
    engine.answers['POST /containers/ID/wait'] = refuse(404, 'no such container');
    await engine.listen();
    const exit = await until(() => clock.advance(1_000), adopted?.exited as Promise<unknown>);
    expect(exit).toEqual({ code: null, signal: null });
  });

  test.each([
    { id: '../../images/x' },
    { id: `${ID}?force=1` },
    { id: 'a' },
    { port: 1e9 },
    { log: '' },
    { host: 5 },
  ])('asks the engine for nothing by a ref that can not be ours: %j', async (wrong) => {
    const { engine, spawner } = await withEngine();
    expect(await spawner.adopt({ ...ref('/x'), ...wrong })).toBeUndefined();
    expect(engine.asked).toEqual([]);
  });

  test('by name finds no other instance though the engine answers all, and says when it is away', async () => {
    const labels = { 'rollcall.service': 'web', 'rollcall.host': '127.0.0.1', 'rollcall.port': '9000' };
    const { engine, spawner, input } = await withEngine({});
    const log = input().logFile;
    engine.answers['GET /containers/json'] = json([
      { Id: 'b'.repeat(64), Labels: { ...labels, 'rollcall.instance': 'web-2', 'rollcall.log': log } },
      { Id: ID, Labels: { ...labels, 'rollcall.instance': 'web-1', 'rollcall.log': log } },
    ]);
    const name = { service: 'web', port: 9_000 };
    expect((await spawner.find?.({ ...name, instance: 'web-1' }))?.ref).toEqual(ref(log));
    expect(await spawner.find?.({ ...name, instance: 'web-3' })).toBeUndefined();
    await engine.close();
    await expect(spawner.find?.({ ...name, instance: 'web-1' })).rejects.toThrow();
  });
});

test('a registry with the plugin starts though there is no engine', async () => {
  const folder = await tempFolder();
  const config = {
    store: 'memory' as const,
    plugins: [['container-spawner', { socket: 'none.sock' }] as [string, object]],
  };
  const registry = await createRegistry({ config, folder, builtins, logger: silentLogger });
  await registry.start();
  await registry.stop();
});
