import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { RecordChange } from '../../../core/hooks.js';
import type { ServiceRecord, Status } from '../../../core/servicedb/record.js';
import { type Made, makeServiceDB } from '../../support/make-servicedb.js';
import { ScriptedStore, turn } from '../../support/scripted-store.js';

const name = fc.constantFrom('s', 't');
const instance = fc.constantFrom('a', 'b', 'c');
const status = fc.constantFrom<Status>('running', 'degraded', 'stopped');
const said = fc.option(fc.constantFrom<Status>('starting', 'draining', 'degraded', 'error'), {
  nil: undefined,
});

const durable = fc.oneof(
  fc.record({
    op: fc.constant('register' as const),
    name,
    instance,
    port: fc.integer({ min: 1, max: 3 }),
    status,
    ttlMs: fc.constantFrom(undefined, 1_000, 3_000),
    managed: fc.constantFrom(undefined, 'starting' as const),
  }),
  fc.record({
    op: fc.constant('unregister' as const),
    name,
    instance: fc.option(instance, { nil: undefined }),
  }),
  fc.record({
    op: fc.constant('update' as const),
    name,
    instance: fc.option(instance, { nil: undefined }),
    status,
  }),
  fc.record({ op: fc.constant('manage' as const), name, instance, said }),
);
const volatile = fc.oneof(
  fc.record({ op: fc.constant('observe' as const), name, instance, said }),
  fc.record({ op: fc.constant('exited' as const), name, instance }),
  fc.record({ op: fc.constant('heartbeat' as const), name }),
  fc.record({ op: fc.constant('advance' as const), ms: fc.constantFrom(500, 1_000, 2_000, 9_000) }),
);
type Step =
  | (typeof durable extends fc.Arbitrary<infer D> ? D : never)
  | (typeof volatile extends fc.Arbitrary<infer V> ? V : never);

const ORDER: Status[] = ['running', 'degraded', 'starting', 'draining', 'error', 'stopped'];
const FORGET_MS = 5_000;

interface Row {
  name: string;
  instance: string;
  port: number;
  reported: Status;
  ttlMs: number | undefined;
  managed: Status | undefined;
  exited: boolean;
  check: Status | undefined;
  dueAt: number;
  isMissed: boolean;
}

/** All of DESIGN §4 again, as a list that is searched. */
class Model {
  rows: Row[] = [];
  now = 0;

  run(step: Step): void {
    const rows = this.rows.filter(
      (row) =>
        'name' in step &&
        row.name === step.name &&
        (!('instance' in step) || step.instance === undefined || row.instance === step.instance),
    );
    const beat = (row: Row) => Object.assign(row, { dueAt: this.now + (row.ttlMs ?? 0), isMissed: false });
    if (step.op === 'register') {
      const { name: service, instance: one, port, ttlMs } = step;
      let [row] = rows;
      if (row === undefined) {
        row = { name: service, instance: one, managed: undefined, check: undefined } as Row;
        this.rows.push(row);
      }
      Object.assign(row, { port, reported: step.status, ttlMs, exited: false });
      if (step.managed !== undefined) row.managed = step.managed;
      beat(row);
    } else if (step.op === 'unregister') {
      this.rows = this.rows.filter((row) => !rows.includes(row));
    } else if (step.op === 'advance') {
      this.now += step.ms;
      for (const row of this.rows) if (row.ttlMs !== undefined) row.isMissed ||= row.dueAt <= this.now;
      this.rows = this.rows.filter(({ isMissed, dueAt }) => !isMissed || dueAt + FORGET_MS > this.now);
    } else {
      for (const row of rows) {
        if (step.op === 'update') beat(Object.assign(row, { reported: step.status }));
        else if (step.op === 'heartbeat') beat(row);
        else if (step.op === 'manage') row.managed = step.said;
        else if (step.op === 'observe') row.check = step.said;
        else row.exited = true;
      }
    }
  }

  show(): string[] {
    return this.rows
      .map((row) => {
        const worst = (...all: (Status | undefined)[]) =>
          ORDER[Math.max(...all.map((one) => (one === undefined ? 0 : ORDER.indexOf(one))))] as Status;
        const own = worst(row.reported, row.managed, row.exited ? 'stopped' : undefined);
        const check = own === 'starting' ? undefined : row.check;
        const effective = worst(own, check, row.isMissed ? 'error' : undefined);
        return `${row.name}/${row.instance}:${row.port} ${row.reported} ${effective} ${row.ttlMs}`;
      })
      .toSorted();
  }
}

function show(records: Iterable<ServiceRecord>): string[] {
  return [...records]
    .map((one) => `${one.name}/${one.instance}:${one.port} ${one.reported} ${one.status} ${one.ttlMs}`)
    .toSorted();
}

/** Runs one step; answers what it waits for. */
function run({ services, clock }: Made, step: Step): unknown {
  const reason = 'because';
  switch (step.op) {
    case 'register': {
      const { op: _, managed, ttlMs, ...input } = step;
      return services.register(
        { ...input, host: 'h', ...(ttlMs !== undefined && { ttlMs }) },
        managed === undefined ? {} : { managed: { status: managed, reason } },
      );
    }
    case 'unregister':
      return services.unregister(step.name, step.instance === undefined ? {} : { instance: step.instance });
    case 'update':
      return services.updateStatus(
        step.name,
        step.status,
        step.instance === undefined ? {} : { instance: step.instance },
      );
    case 'manage':
      return services.manage(step.name, step.instance, step.said && { status: step.said, reason });
    case 'observe':
      return services.observe(step.name, step.instance, step.said && { status: step.said, reason });
    case 'exited':
      return services.exited(step.name, step.instance, reason);
    case 'heartbeat':
      return services.heartbeat(step.name);
    case 'advance':
      return clock.advanceAsync(step.ms);
  }
}

/** A watcher that follows by cursor, and one that follows the hook: both must end with the records as they are. */
function follow({ services, hooks, commits }: Made) {
  const byHook = new Map<number, ServiceRecord>();
  const byCursor = new Map<number, ServiceRecord>();
  const replay = (into: Map<number, ServiceRecord>, changes: readonly RecordChange[]) => {
    for (const { record, previous } of changes) {
      if (previous !== undefined && !into.delete(previous.id))
        throw new Error('What was before was not there.');
      if (record !== undefined) into.set(record.id, record);
    }
  };
  hooks.changed.tap('watcher', (changes) => replay(byHook, changes));
  let { cursor } = services;
  return {
    poll() {
      const answer = services.changesSince(cursor);
      expect(answer.isReset).toBe(false);
      cursor = answer.cursor;
      replay(byCursor, answer.changes);
    },
    check() {
      const now = [...services.traverse()].toSorted((a, b) => a.id - b.id);
      for (const seen of [byHook, byCursor]) {
        expect([...seen.values()].toSorted((a, b) => a.id - b.id)).toEqual(now);
      }
      const counted = [...new Set(now.map(({ name }) => name))].toSorted().map((name) => {
        const own = now.filter((record) => record.name === name);
        const running = own.filter(({ status }) => status === 'running').length;
        return { name, instances: own.length, running };
      });
      expect([...services.names()].toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(counted);
      const revisions = commits.map(({ revision }) => revision);
      expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
    },
  };
}

const OPTIONS = { forgetAfterMs: FORGET_MS, massSilenceShare: 1 };

it('on a memory store any sequence of calls leaves the records that a plain model has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(durable, volatile), { maxLength: 60 }), async (steps) => {
      const made = await makeServiceDB({ options: OPTIONS });
      const follower = follow(made);
      const model = new Model();
      for (const step of steps) {
        model.run(step);
        await run(made, step);
        expect(show(made.services.traverse())).toEqual(model.show());
        if (model.now % 2_000 === 0) follower.poll();
      }
      follower.poll();
      follower.check();
    }),
    { numRuns: 150 },
  );
});

it('on a store that answers and delivers when it likes, calls end as if they had come one by one', async () => {
  const act = fc.constantFrom('place', 'place', 'answer', 'deliver', 'turn');
  const script = fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ steps: fc.array(durable, { maxLength: 4 }), acts: fc.array(act) }),
      },
      { weight: 1, arbitrary: fc.record({ calm: volatile }) },
    ),
    { maxLength: 25 },
  );
  await fc.assert(
    fc.asyncProperty(script, async (rounds) => {
      const store = new ScriptedStore();
      const made = await makeServiceDB({ store, options: OPTIONS });
      const follower = follow(made);
      const model = new Model();
      const calls: unknown[] = [];
      const placed: { answer(): void; deliver(): void }[] = [];
      const answers: { answer(): void }[] = [];
      const settle = async () => {
        for (const one of placed.splice(0)) one.deliver();
        for (const one of answers.splice(0)) one.answer();
        await store.settle();
      };
      for (const round of rounds) {
        if ('calm' in round) {
          // What is observed overtakes what is queued, so the order of calls is that of the feed only when nothing is.
          await settle();
          model.run(round.calm);
          const over = Promise.resolve(run(made, round.calm));
          await turn();
          await settle();
          await over;
          await settle();
        } else {
          for (const step of round.steps) {
            model.run(step);
            calls.push(run(made, step));
          }
          for (const one of round.acts) {
            if (one === 'place' && store.waiting.length > 0) {
              const next = store.place();
              if (next !== undefined) {
                placed.push(next);
                answers.push(next);
              }
            } else if (one === 'deliver') placed.shift()?.deliver();
            else if (one === 'answer') answers.shift()?.answer();
            else await turn();
          }
          follower.poll();
        }
      }
      await settle();
      await Promise.all(calls);
      expect(show(made.services.traverse())).toEqual(model.show());
      expect(made.catalogue.underWay).toBe(0);
      follower.poll();
      follower.check();
      const ids = [...made.services.traverse()].map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
    }),
    { numRuns: 200 },
  );
});
