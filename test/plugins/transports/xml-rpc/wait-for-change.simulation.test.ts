import { describe, expect, it } from 'vitest';
import type { ServiceDB, ServiceRecord } from '../../../../core/index.js';
import { instanceStruct } from '../../../../plugins/transports/xml-rpc/methods/instance-struct.js';
import type { ChangesStruct } from '../../../../plugins/transports/xml-rpc/methods/types.js';
import { prepareAnswer } from '../../../../plugins/transports/xml-rpc/writer.js';
import { Chance } from '../../../support/chance.js';
import { decode, makeHub, type Wait } from './waiting.js';

type Hub = Awaited<ReturnType<typeof makeHub>>;

const NAMES = ['a', 'b', 'c', 'd', 'quiet', 'never'];
const BUSY = ['a', 'b', 'c', 'd'];

/** A record as a client reads it. */
const asRead = (record: ServiceRecord): string =>
  JSON.stringify(decode(prepareAnswer({ ...instanceStruct(record) })));

function stateOf(services: ServiceDB, name: string | undefined): string[] {
  const records = name === undefined ? services.traverse() : services.instances(name);
  return [...records].map(asRead).toSorted();
}

/** What the registry did, for what no answer may contradict. */
class History {
  /** The revisions at which an instance, by its id, was as it is told. */
  readonly #states = new Map<string, number[]>();
  /** The instances that one commit removed, by the id of each. */
  readonly #removedWith = new Map<number, readonly ServiceRecord[]>();

  constructor({ hooks }: Hub) {
    hooks.changed.tap('history', (changes, { revision }) => {
      const removed = changes.flatMap(({ record, previous }) =>
        record === undefined && previous !== undefined ? [previous] : [],
      );
      for (const one of removed) {
        this.#removedWith.set(one.id, removed);
        this.#note(`gone ${one.id}`, revision);
      }
      for (const { record } of changes) if (record !== undefined) this.#note(asRead(record), revision);
    });
  }

  #note(state: string, revision: number): void {
    const known = this.#states.get(state);
    if (known === undefined) this.#states.set(state, [revision]);
    else known.push(revision);
  }

  /** In the order of revisions, each something that was, and no commit in part. */
  check({ changes }: ChangesStruct, name: string | undefined): void {
    let last = 0;
    const gone = new Set<number>();
    for (const { kind, instance } of changes) {
      if (name !== undefined) expect(instance.name).toBe(name);
      const state = kind === 'unregistered' ? `gone ${instance.id}` : JSON.stringify(instance);
      const revision = this.#states.get(state)?.find((one) => one >= last);
      expect(revision, `${state} was not so after ${last}`).toBeDefined();
      last = revision ?? last;
      if (kind === 'unregistered') gone.add(instance.id);
    }
    for (const id of gone) {
      const others = this.#removedWith.get(id) ?? [];
      for (const other of others) expect(gone).toContain(other.id);
    }
  }
}

/** A client that keeps a list of instances, as the docs say it should, but slowly and clumsily. */
class Client {
  readonly #hub: Hub;
  readonly #chance: Chance;
  readonly #history: History;
  readonly name: string | undefined;
  readonly view = new Map<number, string>();
  #cursor = '';
  #wait: Wait | undefined;
  /** Steps that it does something else. */
  #busyFor = 0;
  /** It was told to read the instances, and has not yet. */
  #mustRead = false;
  resets = 0;
  answers = 0;

  constructor(hub: Hub, chance: Chance, history: History, name: string | undefined) {
    this.#hub = hub;
    this.#chance = chance;
    this.#history = history;
    this.name = name;
  }

  /** One step: it reads an answer, reads the instances, asks, leaves, or does something else. */
  step(isHurried = false): void {
    const chance = this.#chance;
    if (this.#wait?.answer !== undefined) this.#take(this.#wait.answer);
    if (this.#busyFor > 0 && !isHurried) {
      this.#busyFor -= 1;
      return;
    }
    if (this.#mustRead) {
      this.#mustRead = false;
      this.view.clear();
      const { services } = this.#hub;
      const records = this.name === undefined ? services.traverse() : services.instances(this.name);
      for (const record of records) this.view.set(record.id, asRead(record));
    }
    if (this.#wait === undefined) {
      const timeoutMs = isHurried ? 300_000 : chance.pick([0, 10, 25, 1_000, 30_000]);
      this.#wait = this.#hub.wait(this.#cursor, timeoutMs, this.name);
      if (this.#wait.answer !== undefined) this.#take(this.#wait.answer);
    } else if (chance.is(0.02) && !isHurried) {
      // Its connection breaks; an answer under way is lost with it.
      this.#wait.leave();
      this.#wait = undefined;
    }
  }

  #take(answer: ChangesStruct): void {
    this.#wait = undefined;
    this.answers += 1;
    this.#history.check(answer, this.name);
    this.#cursor = answer.cursor;
    if (answer.reset) {
      expect(answer.changes).toEqual([]);
      this.resets += 1;
      this.#mustRead = true;
    }
    for (const { kind, instance } of answer.changes) {
      if (kind === 'unregistered') this.view.delete(instance.id);
      else this.view.set(instance.id, JSON.stringify(instance));
    }
    if (this.#chance.is(0.3)) this.#busyFor = this.#chance.below(12);
  }

  check(): void {
    expect([...this.view.values()].toSorted(), `the list of ${this.name ?? 'all'}`).toEqual(
      stateOf(this.#hub.services, this.name),
    );
  }
}

/** Something happens in the registry. */
function happen(services: ServiceDB, chance: Chance, serial: number): void {
  const name = chance.pick(BUSY);
  const instance = `i${chance.below(6)}`;
  const port = 1 + (serial % 60_000);
  const roll = chance.next();
  if (roll < 0.4) void services.register({ name, instance, host: 'h', port, ttlMs: 5_000 });
  else if (roll < 0.5) void services.unregister(name, { instance });
  else if (roll < 0.55) void services.unregister(name);
  else if (roll < 0.7) void services.updateStatus(name, chance.pick(['running', 'degraded', 'stopped']));
  else if (roll < 0.8) services.observe(name, instance, { status: 'error', reason: `check ${serial}` });
  else if (roll < 0.85) services.observe(name, instance, undefined);
  else if (roll < 0.9) services.exited(name, instance, `exit ${serial}`);
  else services.heartbeat(name);
}

async function simulate(seed: number, { steps, overflows }: { steps: number; overflows: number }) {
  const hub = await makeHub();
  const { services } = hub;
  const chance = new Chance(seed);
  const history = new History(hub);
  await services.register({ name: 'quiet', instance: 'q', host: 'h', port: 1 });
  const scopes = [...NAMES, undefined];
  const clients = Array.from(
    { length: 40 },
    (_, at) => new Client(hub, new Chance(chance.seed()), history, scopes[at % scopes.length]),
  );
  const rest = async () => {
    // Nothing but leases that end happens for a while: every list becomes what the registry has.
    for (let calm = 0; calm < 8; calm += 1) {
      const before = services.revision;
      for (const client of clients) client.step(true);
      await hub.pass(25);
      if (services.revision !== before) calm = 0;
    }
    for (const client of clients) client.check();
  };
  for (let step = 1; step <= steps; step += 1) {
    for (let count = chance.below(4); count > 0; count -= 1) happen(services, chance, step);
    if (overflows > 0 && step % Math.floor(steps / overflows) === 0) {
      // More than the registry keeps.
      for (let port = 1; port <= 10_001; port += 1) {
        void services.register({ name: 'a', instance: 'burst', host: 'h', port });
      }
    }
    for (const client of clients) client.step();
    await hub.pass(chance.pick([0, 1, 5, 20, 40, 700]));
    if (step % 100 === 0) await rest();
  }
  await rest();
  return { clients, hub };
}

describe('clients that apply what they are told end with exactly what the registry has', () => {
  it.each([1, 2, 3, 4, 5, 6])('however slow they are, and whenever they ask (seed %i)', async (seed) => {
    const { clients, hub } = await simulate(seed, { steps: 300, overflows: 0 });
    for (const client of clients) {
      if (client.name === undefined || BUSY.includes(client.name)) expect(client.answers).toBeGreaterThan(20);
      // All that happened is still kept.
      expect(client.resets).toBe(1);
    }
    expect(hub.hub.waiting).toBeLessThanOrEqual(clients.length);
  });

  it.each([7, 8])(
    'also where more happens than is kept (seed %i), which no quiet name suffers from',
    async (seed) => {
      const { clients } = await simulate(seed, { steps: 100, overflows: 3 });
      for (const { name, resets } of clients) {
        if (name === undefined) expect(resets).toBeGreaterThan(1);
        if (name === 'quiet' || name === 'never') expect(resets).toBe(1);
      }
      expect(clients.some(({ name, resets }) => name === 'a' && resets > 1)).toBe(true);
    },
  );
});
