import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { type ProcessStart, readProcessStart, systemClock } from '../../../../core/index.js';
import { createProcessChecker } from '../../../../plugins/checkers/process/process-checker.js';
import {
  type Processes,
  procProcesses,
  psProcesses,
} from '../../../../plugins/checkers/process/processes.js';
import { describeChecker } from '../../../contracts/checker.js';
import { needs } from '../../../support/needs.js';

const children: ChildProcess[] = [];
const dispose = async () => {
  for (const child of children.splice(0)) await end(child);
};
afterEach(dispose);

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function start(): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  children.push(child);
  await once(child, 'spawn');
  return child as ChildProcess & { pid: number };
}

/** A pid that was a process's just now. */
async function endedPid(): Promise<number> {
  const child = await start();
  await end(child);
  return child.pid;
}

const target = { host: '127.0.0.1', port: 9 };
const real = procProcesses(systemClock);

/** One plan: the options are parsed once, and handed to every check. */
function plan(given: unknown, processes: Processes = real) {
  const checker = createProcessChecker(systemClock, processes);
  const options = checker.options.parse(given);
  return () => checker.check({ target, options, signal: AbortSignal.timeout(5_000) });
}

const ways: [string, () => Processes][] = [['/proc', () => real]];
if (needs('ps').isMet) ways.push(['ps', psProcesses]);

describe.each(ways)('by %s', (_, processes) => {
  describeChecker({
    test,
    create: async () => {
      const pids: number[] = [];
      const targetOf = (pid: number) => ({ ...target, port: pids.push(pid) });
      return {
        checker: createProcessChecker(systemClock, processes()),
        options: { pid: 1 },
        optionsOf: ({ port }) => ({ pid: pids[port - 1] }),
        healthy: async () => targetOf((await start()).pid),
        dead: async () => targetOf(await endedPid()),
        dispose,
      };
    },
  });

  test('a process runs until it is gone', async () => {
    const child = await start();
    const check = plan({ pid: child.pid }, processes());
    const line = new RegExp(`^pid ${child.pid} runs since .*\\d\\d:\\d\\d:\\d\\d`);
    expect(await check()).toMatchObject({ status: 'running', output: expect.stringMatching(line) });
    await end(child);
    expect(await check()).toMatchObject({ status: 'error', output: `pid ${child.pid} is gone` });
  });

  test('a zombie, which its parent has not waited for, counts as ended', async () => {
    const source = 'read line <&3 & echo $!; exec sleep 60 3<&-';
    const parent = spawn('sh', ['-c', source], { stdio: ['ignore', 'pipe', 'ignore', 'pipe'] });
    children.push(parent);
    const [line] = await once(parent.stdout as Readable, 'data');
    const pid = Number(String(line));
    const check = plan({ pid }, processes());
    expect(await check()).toMatchObject({ status: 'running' });
    while ((await readFile(`/proc/${parent.pid}/comm`, 'utf8')) !== 'sleep\n')
      await new Promise(setImmediate);
    (parent.stdio[3] as Writable).destroy();
    while (readProcessStart(pid)?.isZombie === false) await new Promise(setImmediate);
    expect(await check()).toMatchObject({ status: 'error', output: `pid ${pid} is a zombie: it has ended` });
  });
});

test('says since when, to the second, as the system has it', async () => {
  const before = Date.now();
  const child = await start();
  const { output } = await plan({ pid: child.pid })();
  const since = Date.parse(output.replace(/^.* since /, ''));
  // A second for what is cut off, and some for a tick, and for how exactly the own start is known.
  expect(Math.abs(since - before)).toBeLessThan(2_000);
});

test("pid 1, which is another user's, can be checked", async () => {
  expect(await plan({ pid: 1 })()).toMatchObject({ status: 'running' });
});

describe('another process with the same pid', () => {
  /** The system's processes as a test says they are. */
  function scripted(...seen: (Partial<ProcessStart> | undefined)[]): Processes {
    return {
      ...real,
      look: () => {
        const start = seen.shift();
        return start && { startTime: '100', isZombie: false, ...start };
      },
    };
  }

  test('is told from the one that the first check saw', async () => {
    const check = plan({ pid: 4711 }, scripted({}, {}, { startTime: '101' }, {}));
    expect(await check()).toMatchObject({ status: 'running' });
    expect(await check()).toMatchObject({ status: 'running' });
    expect(await check()).toMatchObject({
      status: 'error',
      output: expect.stringMatching(/^pid 4711 is another process now, since /),
    });
    expect(await check()).toMatchObject({ status: 'running' });
  });

  test('is told from one that was gone, or a zombie, at the first check already', async () => {
    const gone = plan({ pid: 4711 }, scripted(undefined, {}));
    expect((await gone()).output).toBe('pid 4711 is gone');
    expect((await gone()).output).toMatch(/another process/);
    const zombie = plan({ pid: 4711 }, scripted({ isZombie: true }, { startTime: '101' }));
    expect((await zombie()).output).toMatch(/zombie/);
    expect((await zombie()).output).toMatch(/another process/);
  });

  test('is a new beginning for another plan, such as that of a new registration', async () => {
    const processes = scripted({}, { startTime: '101' });
    expect(await plan({ pid: 4711 }, processes)()).toMatchObject({ status: 'running' });
    expect(await plan({ pid: 4711 }, processes)()).toMatchObject({ status: 'running' });
  });

  test('is told by a start time in the options, a number or digits, also by the first check', async () => {
    const { pid } = await start();
    const startTime = readProcessStart(pid)?.startTime as string;
    expect(await plan({ pid, startTime })()).toMatchObject({ status: 'running' });
    expect(await plan({ pid, startTime: Number(startTime) })()).toMatchObject({ status: 'running' });
    expect(await plan({ pid, startTime: Number(startTime) - 1 })()).toMatchObject({ status: 'error' });
  });
});

test('there is no verdict where the system does not tell: hidden processes, no clock ticks', async () => {
  const hiding = { ...real, look: () => Promise.reject(new Error('hidden')) };
  await expect(plan({ pid: 1 }, hiding)()).rejects.toThrow('hidden');
  await expect(plan({ pid: 1, startTime: 5 }, psProcesses())()).rejects.toThrow('"startTime" is for Linux');
});

test.each([
  [{}],
  [{ pid: 0 }],
  [{ pid: -1 }],
  [{ pid: 1.5 }],
  [{ pid: '1' }],
  [{ pid: 2 ** 31 }],
  [{ pid: 2 ** 53 }],
  [{ pid: 1, startTime: -1 }],
  [{ pid: 1, startTime: '1e3' }],
])('refuses %j', (given) => {
  expect(createProcessChecker(systemClock, real).options.safeParse(given).success).toBe(false);
});
