import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordChange } from '../../../core/hooks.js';
import { ChangeLog } from '../../../core/servicedb/change-log.js';
import type { ServiceRecord } from '../../../core/servicedb/record.js';
import { makeServiceDB } from '../../support/make-servicedb.js';

/** A log, and how many instances each name has. */
function makeLog(options: { size?: number; names?: number } = {}) {
  const instances = new Map<string, number>();
  const errors: unknown[] = [];
  const log = new ChangeLog({
    hasInstances: (name) => (instances.get(name) ?? 0) > 0,
    onError: (error) => errors.push(error),
    ...options,
  });
  const commits: { revision: number; name: string; change: RecordChange }[] = [];
  let now = 0;
  const step = (name: string, op: 'add' | 'change' | 'remove'): RecordChange => {
    const record = { name } as ServiceRecord;
    return {
      record: op === 'remove' ? undefined : record,
      previous: op === 'add' ? undefined : record,
    };
  };
  return {
    log,
    errors,
    commits,
    instances,
    get now() {
      return now;
    },
    start(revision: number, there: readonly string[] = []) {
      for (const name of there) instances.set(name, 1);
      now = revision;
      log.startAt(revision);
    },
    /** One commit of these changes, as ServiceDB makes it known. */
    commit(...changes: readonly (readonly [name: string, op: 'add' | 'change' | 'remove'])[]) {
      now += 1;
      const made = changes.map(([name, op]) => ({ revision: now, name, change: step(name, op) }));
      for (const { change } of made) log.push(now, change);
      for (const [name, op] of changes) {
        instances.set(name, (instances.get(name) ?? 0) + (op === 'add' ? 1 : op === 'remove' ? -1 : 0));
      }
      for (const [name] of changes) if ((instances.get(name) ?? 0) === 0) log.emptied(name);
      log.tell(made.map(({ change }) => change));
      commits.push(...made);
      return now;
    },
    after: (revision: number, name?: string, limit = Number.MAX_SAFE_INTEGER) =>
      log.after(revision, name, limit, now),
  };
}

describe('the changes of one name', () => {
  it('are answered without those of others', () => {
    const made = makeLog();
    made.commit(['a', 'add']);
    made.commit(['b', 'add']);
    made.commit(['a', 'change'], ['b', 'change']);
    const [first, , third] = made.commits.map(({ change }) => change);
    expect(made.after(0, 'a')).toEqual({ changes: [first, third], revision: 3, from: 0, first: 1 });
    expect(made.after(1, 'a')).toEqual({ changes: [third], revision: 3, from: 1, first: 3 });
    expect(made.after(2, 'a')).toEqual({ changes: [third], revision: 3, from: 1, first: 3 });
    expect(made.after(3, 'a')).toEqual({ changes: [], revision: 3, from: 3, first: 4 });
  });

  it('are not lost, however much others change', () => {
    const made = makeLog({ size: 10 });
    const quiet = made.commit(['quiet', 'add']);
    for (let count = 0; count < 100; count += 1) made.commit(['busy', count === 0 ? 'add' : 'change']);
    expect(made.after(quiet, 'quiet')).toEqual({
      changes: [],
      revision: made.now,
      from: quiet,
      first: made.now + 1,
    });
    expect(made.after(50, 'quiet')?.changes).toEqual([]);
    expect(made.log.lastChange('quiet')).toBe(quiet);
    // Its own change is gone, so who did not know of it begins anew; and who knows of it hears of the next one.
    expect(made.after(quiet - 1, 'quiet')).toBeUndefined();
    made.commit(['quiet', 'change']);
    expect(made.after(quiet, 'quiet')?.changes).toHaveLength(1);
    expect(made.after(quiet - 1, 'quiet')).toBeUndefined();
  });

  it('of before the start are not known, and those after it are', () => {
    const made = makeLog();
    made.start(100, ['kept']);
    for (const name of ['kept', 'never']) {
      expect(made.log.lastChange(name)).toBe(100);
      expect(made.after(99, name)).toBeUndefined();
      expect(made.after(100, name)?.changes).toEqual([]);
    }
    made.commit(['kept', 'change']);
    expect(made.after(100, 'kept')?.changes).toHaveLength(1);
    expect(made.after(99, 'kept')).toBeUndefined();
  });
});

describe('names without instances', () => {
  it('are forgotten from the oldest on, and then taken to have changed when the last of those did', () => {
    const made = makeLog({ names: 2 });
    for (const name of ['a', 'b', 'c']) {
      made.commit([name, 'add']);
      made.commit([name, 'remove']);
    }
    expect(['a', 'b', 'c', 'never'].map((name) => made.log.lastChange(name))).toEqual([2, 4, 6, 2]);
    made.commit(['d', 'add']);
    made.commit(['d', 'remove']);
    expect(['a', 'b', 'c', 'never'].map((name) => made.log.lastChange(name))).toEqual([4, 4, 6, 4]);
  });

  it('that were forgotten do not touch the names that have some', () => {
    const made = makeLog({ names: 1 });
    made.start(10, ['there']);
    for (const name of ['a', 'b', 'c']) {
      made.commit([name, 'add']);
      made.commit([name, 'remove']);
    }
    expect(made.log.lastChange('there')).toBe(10);
    expect(made.after(10, 'there')?.changes).toEqual([]);
    made.commit(['there', 'add']);
    expect(made.after(10, 'there')?.changes).toHaveLength(1);
  });

  it('are not forgotten while somebody watches them', () => {
    const made = makeLog({ names: 1 });
    const close = made.log.watch('awaited', () => {});
    const since = made.log.lastChange('awaited');
    for (const name of ['a', 'b', 'c', 'd']) {
      made.commit([name, 'add']);
      made.commit([name, 'remove']);
    }
    expect(made.log.lastChange('never')).toBeGreaterThan(since);
    made.commit(['awaited', 'add']);
    expect(made.after(since, 'awaited')?.changes).toHaveLength(1);
    close();
  });

  it('of which nothing is known leave nothing behind when they are watched no longer', () => {
    const made = makeLog({ names: 3 });
    made.commit(['a', 'add']);
    made.commit(['a', 'remove']);
    for (let count = 0; count < 100; count += 1) made.log.watch(`asked ${count}`, () => {})();
    expect(made.log.lastChange('a')).toBe(2);
    expect(made.log.lastChange('asked 5')).toBe(0);
  });
});

describe('a limit', () => {
  it('never splits a commit', () => {
    const made = makeLog();
    made.commit(['a', 'add']);
    made.commit(['a', 'change'], ['a', 'change'], ['b', 'add']);
    made.commit(['a', 'change']);
    const shown = (since: number, limit: number, name?: string) => {
      const found = made.after(since, name, limit);
      return [found?.changes.length, found?.revision];
    };
    expect(shown(0, 1)).toEqual([1, 1]);
    expect(shown(0, 3)).toEqual([1, 1]);
    expect(shown(0, 4)).toEqual([4, 2]);
    expect(shown(0, 5)).toEqual([5, 3]);
    expect(shown(0, 2, 'a')).toEqual([1, 1]);
    expect(shown(0, 3, 'a')).toEqual([3, 2]);
    // One that is larger comes alone.
    expect(shown(1, 1)).toEqual([3, 2]);
    expect(shown(1, 1, 'a')).toEqual([2, 2]);
    expect(shown(2, 1)).toEqual([1, 3]);
  });
});

describe('who watches', () => {
  it('is woken by the changes of its name, or by all, until it is closed', () => {
    const { log, commit } = makeLog();
    const woken: string[] = [];
    const close = log.watch('a', () => woken.push('a'));
    log.watch(undefined, () => woken.push('all'));
    commit(['b', 'add']);
    expect(woken.splice(0)).toEqual(['all']);
    commit(['a', 'add']);
    expect(woken.splice(0)).toEqual(['all', 'a']);
    close();
    close();
    commit(['a', 'change']);
    expect(woken).toEqual(['all']);
  });

  it('and throws is reported, and harms nobody else', () => {
    const { log, commit, errors } = makeLog();
    let woken = 0;
    log.watch('a', () => {
      throw new Error('broken');
    });
    log.watch('a', () => {
      woken += 1;
    });
    commit(['a', 'add']);
    expect(woken).toBe(1);
    expect(errors).toEqual([new Error('broken')]);
  });
});

it('whatever happens, answers what a list of all changes would, or says that it does not know', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const op = fc.record({ name: fc.constantFrom(...names), op: fc.constantFrom('add', 'remove', 'change') });
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.array(op, { minLength: 1, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.constantFrom(...names) },
  );
  const setup = { size: fc.constantFrom(1, 2, 7, 1_000), names: fc.constantFrom(1, 2, 100) };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.record(setup), (steps, options) => {
      const made = makeLog(options);
      made.start(5, ['a']);
      const watches = new Map<string, () => void>();
      const lastSeen = new Map<string, number>();
      for (const one of steps) {
        if (typeof one === 'string') {
          const close = watches.get(one);
          close?.();
          if (close === undefined)
            watches.set(
              one,
              made.log.watch(one, () => {}),
            );
          else watches.delete(one);
        } else {
          const there = new Map(made.instances);
          const changes = one.flatMap(({ name, op }) => {
            const count = there.get(name) ?? 0;
            if (count === 0 && op !== 'add') return [];
            there.set(name, count + (op === 'add' ? 1 : op === 'remove' ? -1 : 0));
            return [[name, op as 'add' | 'change' | 'remove'] as const];
          });
          if (changes.length > 0) made.commit(...changes);
        }
        for (const name of [...names, undefined]) {
          const own = made.commits.filter((change) => name === undefined || change.name === name);
          const last = made.log.lastChange(name);
          expect(last).toBeGreaterThanOrEqual(own.at(-1)?.revision ?? 5);
          expect(last).toBeGreaterThanOrEqual(lastSeen.get(String(name)) ?? 0);
          lastSeen.set(String(name), last);
          if (name !== undefined && (made.instances.get(name) ?? 0) > 0) {
            expect(last).toBe(own.at(-1)?.revision ?? 5);
          }
          for (let since = 4; since <= made.now; since += 1) {
            const found = made.after(since, name);
            const wanted = own.filter(({ revision }) => revision > since);
            if (found === undefined) {
              // Only where it may have missed something.
              expect(last).toBeGreaterThan(since);
              if (since >= 5 && options.size === 1_000 && options.names === 100) expect.unreachable();
              continue;
            }
            expect(found.changes).toEqual(wanted.map(({ change }) => change));
            expect(found.from).toBeLessThanOrEqual(since);
            expect(found.first).toBe(wanted[0]?.revision ?? made.now + 1);
            expect(made.after(found.from, name)).toEqual(found);
          }
        }
      }
    }),
    { numRuns: 200 },
  );
});

describe('the last revision of a name', () => {
  const ECHO = { name: 'echo', instance: 'a', host: '10.0.0.1', port: 9000 };

  it('moves with each change that a lookup shows, whatever brought it, and with nothing else', async () => {
    const { services, clock } = await makeServiceDB();
    let last = services.lastChange('echo');
    const moves = () => {
      const before = last;
      last = services.lastChange('echo');
      return last > before;
    };
    await services.register({ ...ECHO, ttlMs: 1_000 });
    expect(moves()).toBe(true);
    await services.register({ ...ECHO, ttlMs: 1_000 });
    services.heartbeat('echo');
    await services.register({ ...ECHO, name: 'other' });
    expect(moves()).toBe(false);
    services.observe('echo', 'a', { status: 'degraded', reason: 'slow' });
    expect(moves()).toBe(true);
    await services.updateStatus('echo', 'stopped');
    expect(moves()).toBe(true);
    clock.advance(1_000);
    expect(moves()).toBe(true);
    await services.manage('echo', 'a', { status: 'draining', reason: 'asked' });
    expect(moves()).toBe(true);
    services.exited('echo', 'a', 'killed');
    expect(moves()).toBe(true);
    await services.unregister('echo');
    expect(moves()).toBe(true);
    await services.unregister('echo');
    expect(moves()).toBe(false);
  });

  it('has moved when a hook tap looks, also at what an earlier tap has just written', async () => {
    const { services, hooks } = await makeServiceDB();
    const seen: boolean[] = [];
    let isNested = false;
    hooks.registered.tap('looks', (record) => {
      seen.push(services.lastChange(record.name) === services.instance(record.name, 'a')?.revision);
      if (isNested) return;
      isNested = true;
      void services.register({ ...ECHO, name: 'nested' });
      // Its own telling waits until this one is over; what reads show does not.
      seen.push(services.lastChange('nested') === services.instance('nested', 'a')?.revision);
    });
    await services.register(ECHO);
    expect(seen).toEqual([true, true, true]);
  });
});
