import { readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { firstLine } from '../../../../../plugins/stores/file/format.js';
import { FRAME_BYTES, RecordEncoder } from '../../../../../plugins/stores/file/frame.js';
import { commitOf } from '../../../../contracts/store.js';
import { FakeClock } from '../../../../support/fake-clock.js';
import { crashCopy, gate, openStore, put, stored, TestDisk } from '../support.js';

/** A folder that holds a snapshot and two journals, as a crash left it. */
export async function folderOfThree(): Promise<string> {
  const disk = new TestDisk();
  // No timer fires, and no commit comes while the first snapshot is written: so it is the same however long things take.
  const { path, store } = await openStore({ disk, clock: new FakeClock(), snapshotBytes: 1_200 });
  const replaced = gate();
  const enough = gate();
  let isReplacing = false;
  let copying: Promise<string> | undefined;
  disk.before = async (step, name) => {
    if (step === 'create' && name === 'snapshot-2.log.tmp') isReplacing = true;
    if (step === 'remove' && name === 'journal-1.log') replaced.open();
    // The second snapshot is about to be written: its journal is there already.
    if (step !== 'create' || name !== 'snapshot-3.log.tmp') return;
    copying = enough.passed.then(() => crashCopy(path));
    await copying;
  };
  const write = (n: number) =>
    stored(store.commit(commitOf([{ key: `k${n % 4}`, value: n === 9 ? null : { n } }])));
  await store.reserveIds(100);
  for (let n = 0; copying === undefined; n += 1) {
    await write(n);
    if (n % 5 === 3) await stored(put(store, 'observed', n, 'volatile'));
    if (isReplacing) await replaced.passed;
  }
  for (const n of [100, 101, 102]) await write(n);
  enough.open();
  const copy = await (copying as Promise<string>);
  // Of the room ahead a little is enough.
  for (const [name, bytes] of await filesOf(copy)) {
    await truncate(join(copy, name), Math.min(bytes.length, (boundsOf(bytes).at(-1) ?? 0) + 24));
  }
  return copy;
}

/** Where the records of a file begin, and where the last one ends. */
export function boundsOf(bytes: Buffer): number[] {
  let at = bytes.indexOf('\n') + 1;
  const found = [at];
  while (at < bytes.length && bytes.readUInt32LE(at) > 0) {
    at += FRAME_BYTES + bytes.readUInt32LE(at);
    found.push(at);
  }
  return found;
}

/** The files of a folder, by name. */
export async function filesOf(path: string): Promise<Map<string, Buffer>> {
  const names = (await readdir(path)).toSorted();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(path, name))] as const)),
  );
}

/** A journal or a snapshot of these payloads. */
export function fileOf(kind: 'journal' | 'snapshot', payloads: readonly unknown[], sequence = 0): Buffer {
  const records = payloads.map((payload, index) =>
    new RecordEncoder().encode(
      typeof payload === 'string' ? payload : JSON.stringify(payload),
      sequence + index,
    ),
  );
  return Buffer.concat([Buffer.from(firstLine(kind)), ...records]);
}

/** The bytes with some changed. */
export function changed(bytes: Buffer | undefined, at: number, by = 0xff): Buffer {
  const copy = Buffer.from(bytes ?? []);
  copy[at] = (copy[at] ?? 0) ^ by;
  return copy;
}
