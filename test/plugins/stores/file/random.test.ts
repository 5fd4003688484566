import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Commit, Precondition } from '../../../../core/index.js';
import { commitOf } from '../../../contracts/store.js';
import { crashCopy, openStore } from './support.js';

const KEYS = ['a', 'b', 'c', 'd'];

const commitStep = fc.record({
  kind: fc.constant('commit' as const),
  keys: fc.uniqueArray(fc.constantFrom(...KEYS), { minLength: 1, maxLength: 3 }),
  isRemoval: fc.boolean(),
  isVolatile: fc.boolean(),
  when: fc.constantFrom('always', 'absent', 'seen', 'after'),
  isAwaited: fc.boolean(),
});
const steps = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: commitStep },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('reopen' as const, 'crash' as const) }) },
  ),
  { minLength: 1, maxLength: 60 },
);

describe('the file store under anything that may happen', () => {
  it('keeps what it answered, in one rising order, through closes and crashes', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(1, 2_000, 1_000_000), async (todo, snapshotBytes) => {
        let open = await openStore({ snapshotBytes });
        let highest = 0;
        /** The last commit asked for on each key. */
        const last = new Map<string, Commit>();
        let underWay: Promise<void>[] = [];
        let n = 0;
        for (const step of todo) {
          if (step.kind === 'commit') {
            n += 1;
            const { store, reader } = open;
            const conditionOf = (key: string): Precondition | undefined => {
              const revision = reader.revisionOf('things', key);
              const before = last.get(key);
              if (step.when === 'absent') return { kind: 'absent' };
              if (step.when === 'seen' && revision !== undefined) return { kind: 'revision', revision };
              return step.when === 'after' && before !== undefined
                ? { kind: 'after', commit: before }
                : undefined;
            };
            const changes = step.keys.map((key) => {
              const when = conditionOf(key);
              return { key, value: step.isRemoval ? null : { n }, ...(when !== undefined && { when }) };
            });
            const commit = commitOf(changes, step.isVolatile ? 'volatile' : 'durable');
            for (const key of step.keys) last.set(key, commit);
            const ended = Promise.resolve(store.commit(commit)).then((outcome) => {
              expect(outcome.kind).not.toBe('unknown');
              expect(commit.revision).toBe(outcome.kind === 'committed' ? outcome.revision : undefined);
            });
            underWay.push(ended);
            if (step.isAwaited) await ended;
            continue;
          }
          await Promise.all(underWay);
          underWay = [];
          last.clear();
          const revisions = open.reader.feed.map(({ revision }) => revision);
          expect(revisions.every((revision, at) => revision > (revisions[at - 1] ?? highest))).toBe(true);
          highest = Math.max(highest, ...revisions);
          const before = open.reader;
          if (step.kind === 'reopen') {
            await open.store.close();
            open = await openStore({ path: open.path, snapshotBytes });
            expect(open.reader.state()).toEqual(before.state());
          } else {
            // A durable commit takes with it all volatile ones that were delivered before it.
            await open.store.commit(commitOf([{ key: 'last', value: { n } }]));
            open = await openStore({ path: await crashCopy(open.path), snapshotBytes });
            const withoutRevision = ({ key, value }: { key: string; value: unknown }) => ({ key, value });
            expect(open.reader.state().map(withoutRevision)).toEqual(before.state().map(withoutRevision));
          }
          expect(open.state.revision).toBeGreaterThanOrEqual(highest);
        }
        await Promise.all(underWay);
        await open.store.close();
      }),
      { numRuns: 60 },
    );
  });
});
