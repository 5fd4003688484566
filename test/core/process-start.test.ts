import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { askPs, type ProcessStart, readBootId, readProcessStart } from '../../core/index.js';
import { needs } from '../support/needs.js';

type Look = (pid: number) => Promise<ProcessStart | undefined>;

const byProc: Look = async (pid) => readProcessStart(pid);
const byPs: Look = async (pid) => (await askPs([pid])).get(pid);
const ways: [string, Look][] = [
  ['/proc', byProc],
  ...(needs('ps').isMet ? [['ps', byPs] as [string, Look]] : []),
];

/** A child of a program that never waits for it; it ends when told to. */
async function startUnawaited() {
  const source = 'read line <&3 & echo $!; exec sleep 60 3<&-';
  const parent = spawn('sh', ['-c', source], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] });
  const [line] = await once(parent.stdout as Readable, 'data');
  // sh would wait for it.
  await until(async () => (await readFile(`/proc/${parent.pid}/comm`, 'utf8')) === 'sleep\n');
  return { pid: Number(String(line)), parent, end: () => (parent.stdio[3] as Writable).destroy() };
}

async function until(isReached: () => Promise<boolean>): Promise<void> {
  while (!(await isReached())) await new Promise(setImmediate);
}

test.each(ways)('a process keeps its start until it is gone, also as a zombie (%s)', async (_, look) => {
  const { pid, parent, end } = await startUnawaited();
  const running = await look(pid);
  expect(running).toEqual({ startTime: expect.stringMatching(/./), isZombie: false });
  end();
  await until(async () => (await look(pid))?.isZombie !== false);
  expect(await look(pid)).toEqual({ startTime: running?.startTime, isZombie: true });

  parent.kill('SIGKILL');
  await once(parent, 'exit');
  expect(await look(parent.pid as number)).toBeUndefined();
});

test('this run of the machine has a name that stays', () => {
  expect(readBootId()).toMatch(/^[0-9a-f-]{36}$/);
  expect(readBootId()).toBe(readBootId());
});
