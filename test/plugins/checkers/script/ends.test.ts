import { setMaxListeners } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../../../support/temp-folder.js';
import { createChecker, readPids, run, sh, untilGone } from './support.js';

/** Children in the group, one of whom has lost its parent; each writes down its pid. */
const FAMILY = 'sleep 60 & echo $! >> pids; sh -c "sleep 60 & echo \\$! >> pids"; echo $$ >> pids;';

describe('a script that does not end', () => {
  test('is killed with all of its group when the check is given up', async () => {
    const folder = await tempFolder();
    const controller = new AbortController();
    const ended = sh(`cd ${folder}; ${FAMILY} wait`, { signal: controller.signal });
    const pids = await readPids(join(folder, 'pids'), 3);
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    await untilGone(pids);
  });

  test('is killed also where it takes no notice of other signals', async () => {
    const folder = await tempFolder();
    const controller = new AbortController();
    const ended = sh(`trap '' TERM INT HUP; cd ${folder}; ${FAMILY} wait`, { signal: controller.signal });
    const pids = await readPids(join(folder, 'pids'), 3);
    controller.abort(new Error('enough'));
    await expect(ended).rejects.toThrow('enough');
    await untilGone(pids);
  });

  test('does not outlive the registry', async () => {
    const folder = await tempFolder();
    const disposal = new AbortController();
    const checker = createChecker({ disposal });
    const ended = sh(`cd ${folder}; ${FAMILY} wait`, { checker });
    const pids = await readPids(join(folder, 'pids'), 3);
    disposal.abort(new Error('stopping'));
    await expect(ended).rejects.toThrow('stopping');
    await untilGone(pids);
    await expect(sh('true', { checker })).rejects.toThrow('stopping');
  });

  test('but prints and prints is killed after a megabyte', async () => {
    expect(await run(['yes', 'full'])).toMatchObject({
      status: 'error',
      output: 'printed more than 1048576 bytes, and was killed: full',
    });
  });
});

test('one that prints much, and ends, is heard out', async () => {
  const verdict = await sh('echo fine; head -c 900000 /dev/zero; echo; head -c 100000 /dev/zero >&2; exit 1');
  expect(verdict).toMatchObject({ status: 'degraded', output: 'fine' });
});

describe('a script that has ended', () => {
  test('leaves no children behind, also when those hold its output', async () => {
    const folder = await tempFolder();
    expect(await sh(`cd ${folder}; ${FAMILY} echo done`)).toMatchObject({
      status: 'running',
      output: 'done',
    });
    await untilGone(await readPids(join(folder, 'pids'), 3));
  });

  test('leaves none behind that have let go of its output', async () => {
    const folder = await tempFolder();
    const verdict = await sh(`cd ${folder}; (${FAMILY}) >/dev/null 2>&1; echo done`);
    expect(verdict).toMatchObject({ status: 'running', output: 'done' });
    await untilGone(await readPids(join(folder, 'pids'), 3));
  });

  // One in a session of its own is beyond reach, and stays: it may be meant to.
  test('is not waited for on account of a daemon that holds its output', async () => {
    const folder = await tempFolder();
    const verdict = await sh(
      `cd ${folder}; setsid sh -c 'echo $$ > pids; exec sleep 60' & echo done; until [ -s pids ]; do :; done`,
    );
    expect(verdict).toMatchObject({ status: 'running', output: 'done' });
    const [pid] = (await readPids(join(folder, 'pids'), 1)) as [number];
    process.kill(pid, 'SIGKILL');
    await untilGone([pid]);
  });

  test('may have its last words said for it by a program that it started', async () => {
    expect(await sh('echo piped | { read line; echo "$line on"; }')).toMatchObject({ output: 'piped on' });
    // It prints once the script is no more.
    const late = '(while kill -0 $$ 2>&-; do :; done; echo late) & exit 1';
    expect(await sh(late)).toMatchObject({ status: 'degraded', output: 'late' });
  });
});

describe('no more than a bound run at once', () => {
  test('those beyond wait in the order in which they came', async () => {
    const folder = await tempFolder();
    const checker = createChecker({ inFlight: 1 });
    const controller = new AbortController();
    const first = sh(`echo $$ > ${folder}/first; exec sleep 60`, { checker, signal: controller.signal });
    const second = sh(`echo second >> ${folder}/order`, { checker });
    const third = sh(`cat ${folder}/order`, { checker });
    const pids = await readPids(join(folder, 'first'), 1);
    // Another checker's has its own slots, and would let these begin meanwhile if anything did.
    await sh('true');
    await expect(access(join(folder, 'order'))).rejects.toThrow('ENOENT');
    controller.abort();
    await expect(first).rejects.toThrow();
    expect(await second).toMatchObject({ status: 'running' });
    expect(await third).toMatchObject({ output: 'second' });
    await untilGone(pids);
  });

  test('one that waits is given up in time, and takes no slot with it', async () => {
    const checker = createChecker({ inFlight: 1 });
    const [busy, waiting] = [new AbortController(), new AbortController()];
    const first = sh('exec sleep 60', { checker, signal: busy.signal });
    const second = sh('true', { checker, signal: waiting.signal });
    const third = sh('echo third', { checker });
    waiting.abort(new Error('no answer'));
    await expect(second).rejects.toThrow('no answer');
    busy.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect(await third).toMatchObject({ output: 'third' });
    expect(await sh('echo fourth', { checker })).toMatchObject({ output: 'fourth' });
  });

  test('and so many wait that more are not taken', async () => {
    const checker = createChecker({ inFlight: 1 });
    const controller = new AbortController();
    const { signal } = controller;
    setMaxListeners(0, signal);
    const taken = Array.from({ length: 1_001 }, () => sh('exec sleep 60', { checker, signal }));
    const ended = Promise.allSettled(taken);
    await expect(sh('true', { checker, signal })).rejects.toThrow('1000 checks wait for another script');
    controller.abort();
    expect((await ended).every(({ status }) => status === 'rejected')).toBe(true);
  });
});
