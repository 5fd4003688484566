import fc from 'fast-check';
import { expect, it } from 'vitest';
import { systemClock } from '../../../../../core/index.js';
import { recover } from '../../../../../plugins/stores/file/recover.js';
import { exportFolder, verify } from '../../../../../plugins/stores/file/tools/index.js';
import { MapReader } from '../../../../contracts/store.js';
import { memoryFolder } from '../../../../support/memory-folder.js';
import { boundsOf, filesOf, folderOfThree } from './support.js';

type Edit = (bytes: Buffer, a: number, b: number) => Buffer;

/** What may become of a file; `a` and `b` lie in it, `a` not behind `b`. */
const EDITS: { readonly [name: string]: Edit } = {
  turn: (bytes, a) => Buffer.concat([bytes.subarray(0, a), Buffer.from([0x55]), bytes.subarray(a + 1)]),
  zero: (bytes, a, b) => Buffer.concat([bytes.subarray(0, a), Buffer.alloc(b - a), bytes.subarray(b)]),
  cut: (bytes, a) => bytes.subarray(0, a),
  drop: (bytes, a, b) => Buffer.concat([bytes.subarray(0, a), bytes.subarray(b)]),
  repeat: (bytes, a, b) => Buffer.concat([bytes.subarray(0, b), bytes.subarray(a, b), bytes.subarray(b)]),
  append: (bytes, a, b) => Buffer.concat([bytes, bytes.subarray(a, b)]),
};

const files = await filesOf(await folderOfThree());
const names = [...files.keys()];

/** An edit at any place, or between records, where checksums say nothing. */
const edit = fc.record({
  name: fc.constantFrom(...names),
  how: fc.constantFrom(...Object.keys(EDITS)),
  isAligned: fc.boolean(),
  places: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
});

function apply(
  of: Map<string, Buffer>,
  { name, how, isAligned, places }: typeof edit extends fc.Arbitrary<infer E> ? E : never,
) {
  const bytes = of.get(name) ?? Buffer.alloc(0);
  const bounds = isAligned ? boundsOf(files.get(name) ?? bytes) : undefined;
  const [a = 0, b = 0] = places
    .map((part) =>
      bounds ? (bounds[Math.floor(part * (bounds.length - 1))] ?? 0) : Math.floor(part * bytes.length),
    )
    .map((at) => Math.min(at, bytes.length))
    .toSorted((one, other) => one - other);
  of.set(name, EDITS[how]?.(bytes, a, b) ?? bytes);
}

it('whatever becomes of the files, verify finds something wherever a start would refuse, and never fails itself', async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(edit, { minLength: 1, maxLength: 3 }),
      fc.option(fc.constantFrom(...names)),
      async (edits, gone) => {
        const damaged = new Map(files);
        for (const one of edits) apply(damaged, one);
        if (gone !== null) damaged.delete(gone);
        if (damaged.size === 0) return;
        const disk = memoryFolder(damaged);
        const { findings } = await verify('/nowhere', systemClock, disk);
        const start = await recover(disk, '/nowhere', new MapReader(), systemClock).catch(
          (error) => error.code,
        );
        if (typeof start === 'string') {
          refused += 1;
          expect(findings.length, start).toBeGreaterThan(0);
          const pieces = exportFolder('/nowhere', systemClock, disk).pieces[Symbol.asyncIterator]();
          await expect(pieces.next()).rejects.toMatchObject({ code: start });
        } else if (findings.length === 0) {
          expect(start.journal?.torn).toBe(0);
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(refused).toBeGreaterThan(100);
});
