import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Logger, silentLogger } from '../../../../core/index.js';
import { parseHostKey } from '../../../../plugins/spawners/ssh/host-key.js';
import { listenRaw } from '../../checkers/raw-peer.js';
import { freePort, sshd } from './sshd.js';
import { type Box, createBox, createSubject, isRunning, type Subject, spawnerFor } from './subject.js';

describe.skipIf(!sshd.isMet)(`the connection of the ssh spawner${sshd.note}`, () => {
  let box: Box;
  let subject: Subject;
  beforeEach(async () => {
    box = await createBox();
    subject = await createSubject(box);
  });
  afterEach(async () => {
    await subject.dispose();
    await box.dispose();
  });

  const sleep = { on: 'box', command: ['sleep', '600'] };
  const end = (pid: number | undefined) => process.kill(-(pid as number), 'SIGKILL');

  test('when it is lost nothing has ended, and what ends meanwhile is told when it is back, with its code', async () => {
    const code =
      "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1000); console.log('up')";
    const input = await subject.program(code);
    const [ends, stays] = await Promise.all([
      subject.spawner.spawn(input),
      subject.spawner.spawn(await subject.input({ spec: sleep })),
    ]);
    await expect.poll(() => subject.log(input)).toBe('up\n');
    let told = 0;
    for (const { exited } of [ends, stays]) exited.then(() => told++);
    await box.server.cut();
    process.kill(ends.pid as number, 'SIGTERM');
    await expect.poll(() => isRunning(ends.pid)).toBe(false);
    expect(told).toBe(0);
    await box.server.start();
    expect(await ends.exited).toEqual({ code: 7, signal: null });
    expect(told).toBe(1);
    await stays.stop('SIGTERM');
    expect(await stays.exited).toEqual({ code: null, signal: 'SIGTERM' });
  });

  test('a signal that could not be sent is sent when the host is back', async () => {
    const handle = await subject.spawner.spawn(await subject.input({ spec: sleep }));
    await box.server.cut();
    await expect(handle.stop('SIGKILL')).rejects.toThrow(/refuses connections/);
    expect(isRunning(handle.pid)).toBe(true);
    await box.server.start();
    expect(await handle.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('programs outlive the registry, and the next one adopts them', async () => {
    const handle = await subject.spawner.spawn(await subject.input({ spec: sleep }));
    box.close();
    await box.server.cut();
    await box.server.start();
    expect(isRunning(handle.pid)).toBe(true);
    const next = await spawnerFor(box.server);
    const adopted = await next.spawner.adopt(handle.ref);
    expect(adopted?.pid).toBe(handle.pid);
    await adopted?.stop('SIGTERM');
    expect(await adopted?.exited).toEqual({ code: null, signal: 'SIGTERM' });
    next.close();
  });

  test('a start whose answer is lost is given up, and what it left is ended when the host is back', async () => {
    // Something that keeps the host busy with us, so that it comes back to what is in doubt.
    const other = await subject.spawner.spawn(await subject.input({ spec: sleep }));
    const input = await subject.input({ spec: sleep });
    const ref = join(box.server.folder, 'run', input.instance, 'ref');
    const starting = subject.spawner.spawn(input).catch((error) => error);
    let pid = 0;
    while (pid === 0) pid = Number.parseInt(await readFile(ref, 'utf8').catch(() => '0'), 10) || 0;
    await box.server.cut();
    const answer = await starting;
    // The answer may have been quicker.
    if (answer instanceof Error) {
      expect(answer).toMatchObject({ code: 'SPAWN_FAILED' });
      await box.server.start();
      await expect.poll(() => isRunning(pid), { timeout: 15_000 }).toBe(false);
    } else {
      await box.server.start();
      await answer.stop('SIGKILL');
      await answer.exited;
    }
    end(other.pid);
  });

  test('what cannot be asked for is not said to have ended', async () => {
    const input = await subject.input({ spec: sleep });
    const handle = await subject.spawner.spawn(input);
    await box.server.cut();
    const next = await spawnerFor(box.server);
    await expect(next.spawner.adopt(handle.ref)).rejects.toThrow(/refuses connections/);
    await expect(next.spawner.find?.(input)).rejects.toThrow(
      /Not every host could be asked.*refuses connections/,
    );
    next.close();
    end(handle.pid);
  });

  test('says once that the host is gone, and once that it is back', async () => {
    const lines: string[] = [];
    const line = (_: unknown, text: string) => void lines.push(text);
    const logger: Logger = { ...silentLogger, warn: line, info: line } as Logger;
    const other = await spawnerFor(box.server, {}, logger);
    const handle = await other.spawner.spawn(await subject.input({ spec: sleep }));
    await box.server.cut();
    await expect
      .poll(() => lines)
      .toEqual([expect.stringMatching(/^Host "box" is not reached: .*run on\.$/)]);
    await box.server.start();
    await expect.poll(() => lines.slice(1), { timeout: 10_000 }).toEqual(['Host "box" answers again.']);
    await handle.stop('SIGKILL');
    await handle.exited;
    other.close();
  });

  describe('is not made, and it is said what to do,', () => {
    const refused = async (overrides: Parameters<typeof spawnerFor>[1]) => {
      const other = await spawnerFor(box.server, overrides);
      onTestFinished(() => other.close());
      const error = await other.spawner.spawn(await subject.input({ spec: sleep })).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'SPAWN_FAILED' });
      return error.message as string;
    };

    test('where the host shows another key, whether a fingerprint is expected or a line', async () => {
      const wrong = parseHostKey(`SHA256:${'A'.repeat(43)}`);
      const shown = `showed another key than \`hostKey\` says: ssh-ed25519 ${box.server.fingerprint}.`;
      expect(await refused({ hostKey: wrong as never })).toContain(shown);
      const own = (await readFile(`${box.server.privateKey}.pub`, 'utf8')).trim();
      expect(await refused({ hostKey: parseHostKey(own) as never })).toContain(shown);
    });

    test('where it has no key of that type', async () => {
      const file = join(subject.folder, 'rsa');
      execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-N', '', '-f', file]);
      const hostKey = parseHostKey(await readFile(`${file}.pub`, 'utf8'));
      expect(await refused({ hostKey: hostKey as never })).toMatch(/no key of the type that `hostKey` says/);
    });

    test('but it is where the fingerprint is the right one', async () => {
      const hostKey = parseHostKey(box.server.fingerprint);
      const other = await spawnerFor(box.server, { hostKey: hostKey as never });
      const handle = await other.spawner.spawn(await subject.program('process.exit(3)'));
      expect(await handle.exited).toEqual({ code: 3, signal: null });
      other.close();
    });

    test('where the user is not let in', async () => {
      const file = join(subject.folder, 'stranger');
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
      expect(await refused({ privateKey: await readFile(file) })).toMatch(
        /does not let the user ".*" in with this `privateKey`.*authorized_keys/,
      );
    });

    test('where nothing listens', async () => {
      expect(await refused({ port: await freePort(box.server.host) })).toMatch(
        /refuses connections.*Start sshd/,
      );
    });

    test('where something else listens, or hangs up', async () => {
      const peer = await listenRaw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      expect(await refused({ host: peer.host, port: peer.port })).toMatch(
        /can't be reached: .*whether `ssh -p/,
      );
    });

    test('where nobody answers at all: in the end', async () => {
      const peer = await listenRaw(() => {});
      const giveUp = new AbortController();
      const other = await spawnerFor(box.server, { host: peer.host, port: peer.port });
      const start = other.spawner.spawn(await subject.input({ spec: sleep, signal: giveUp.signal }));
      giveUp.abort();
      await expect(start).rejects.toThrow(/given up/);
      expect(await refused({ host: peer.host, port: peer.port })).toMatch(
        /no connection within 8000 ms|handshake/,
      );
      other.close();
    }, 20_000);
  });
});
