import { setTimeout as after } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { Chance } from '../support/chance.js';
import { CrashCaller } from './crash-caller.js';
import { type Audit, CrashLedger, type Entry } from './crash-ledger.js';
import { CrashRegistry, killChildren, type StoreOptions } from './crash-registry.js';

const ROUNDS = Number(process.env.ROLLCALL_CRASH_ROUNDS ?? (process.env.MODE === 'crash' ? 200 : 6));
// The moments are the machine's; all else is replayed from this.
const SEED = Number(process.env.ROLLCALL_CRASH_SEED ?? 1 + (process.pid % 1_000_000));
const CONNECTIONS = 16;
const NAMES_A_CONNECTION = 15;
/** Most calls of one life, so that a fast machine gets to the end of it. */
const CALLS_A_LIFE = 1_000;
const INSTANCES = ['a', 'b', 'c'];

type End = 'killed' | 'clean' | 'either';

afterAll(killChildren);

/** Registries in one folder that are registered with, and killed, over and over. */
class Crashes {
  readonly #chance: Chance;
  readonly #registry: CrashRegistry;
  readonly ledger = new CrashLedger();
  kills = 0;
  #n = 0;
  #bootMs = 300;
  /** Whether the process has been told to end: what it refuses now may be done or not. */
  #isEnding = false;

  constructor(registry: CrashRegistry, seed: number) {
    this.#registry = registry;
    this.#chance = new Chance(seed);
  }

  async run(rounds: number): Promise<void> {
    let end: End = 'either';
    while (this.kills < rounds) {
      if (this.#chance.is(0.15)) {
        await this.#killBoot();
        // What ended cleanly may still be told from that, if the start had not come to the store.
        if (end === 'clean') end = 'either';
      }
      end = await this.#work(await this.#open(end));
    }
    await this.#open(end);
    await this.#end('stop', 0);
  }

  async #killBoot(): Promise<void> {
    this.#registry.start();
    await after(this.#bootMs * (0.3 + this.#chance.next()));
    await this.#kill();
  }

  async #kill(): Promise<void> {
    this.#registry.signal('SIGKILL');
    await this.#registry.exit();
    this.kills += 1;
  }

  /** Starts a process and checks what it has found; answers its port. */
  async #open(before: End): Promise<number> {
    const began = performance.now();
    const port = await this.#registry.start().port;
    this.#bootMs = performance.now() - began;
    const caller = await CrashCaller.open(port);
    this.ledger.check(JSON.parse(String(await caller?.call('audit', []))) as Audit, before);
    caller?.close();
    return port;
  }

  /** Calls a process until it ends. */
  async #work(port: number): Promise<End> {
    const calls = this.#chance.below(CALLS_A_LIFE);
    const ending = this.#chance.pick(['kill', 'kill', 'kill', 'kill', 'stop and kill', 'stop'] as const);
    const delay = this.#chance.pick([0, this.#chance.next() * 5]);
    const killAfterStop = this.#chance.next() * 40;
    let answered = 0;
    this.#isEnding = false;
    let end: Promise<End> | undefined;
    const onAnswer = () => {
      answered += 1;
      if (answered < calls || this.#isEnding) return;
      this.#isEnding = true;
      end = after(delay).then(() => this.#end(ending, killAfterStop));
    };
    const clients = Array.from({ length: CONNECTIONS }, (_, at) =>
      this.#client(at, port, new Chance(this.#chance.seed()), onAnswer),
    );
    if (calls === 0) onAnswer();
    await Promise.all(clients);
    if (end === undefined) throw new Error(`The connections ended after ${answered} of ${calls} calls.`);
    return end;
  }

  async #end(ending: 'kill' | 'stop and kill' | 'stop', killAfterStop: number): Promise<End> {
    if (ending !== 'kill') this.#registry.signal('SIGTERM');
    if (ending === 'stop') {
      expect(await this.#registry.exit()).toBe(0);
      return 'clean';
    }
    if (ending === 'stop and kill') await after(killAfterStop);
    await this.#kill();
    return ending === 'kill' ? 'killed' : 'either';
  }

  /** Writes to names of its own, one call after the other, until the connection ends. */
  async #client(at: number, port: number, chance: Chance, onAnswer: () => void): Promise<void> {
    const caller = await CrashCaller.open(port);
    if (caller === undefined) return;
    const call = () => {
      if (at === 0 && chance.is(0.1)) return this.#look(caller);
      return this.#write(`service-${at}-${chance.below(NAMES_A_CONNECTION)}`, caller, chance);
    };
    try {
      while (await call()) onAnswer();
    } catch (error) {
      if (!this.#isEnding) throw error;
    } finally {
      caller.close();
    }
  }

  async #look(caller: CrashCaller): Promise<boolean> {
    const cursor = await caller.call('seen', []);
    if (cursor !== undefined) this.ledger.seen(JSON.parse(String(cursor)) as string);
    return cursor !== undefined;
  }

  async #write(name: string, caller: CrashCaller, chance: Chance): Promise<boolean> {
    const size = this.ledger.instances(name).size;
    if (size > 0 && chance.is(0.25)) {
      this.ledger.begin(name, () => new Map());
      return this.#finish(name, await caller.call('unregister', [name]));
    }
    if (size > 0 && chance.is(0.15)) {
      const [code, status] = chance.pick([
        [1, 'running'],
        [4, 'degraded'],
      ] as const);
      this.ledger.begin(
        name,
        (before) => new Map([...before].map(([key, entry]) => [key, { ...entry, status }])),
      );
      return this.#finish(name, await caller.call('update_status', [name, code]));
    }
    this.#n += 1;
    const n = String(this.#n);
    const instance = chance.pick(INSTANCES);
    const put = (entry: Entry | undefined): Entry => ({ id: entry?.id, n, status: 'running' });
    this.ledger.begin(name, (before) => new Map(before).set(instance, put(before.get(instance))));
    const meta = { n, filler: 'x'.repeat(chance.pick([0, 0, 100, 1_000])) };
    const id = await caller.call('register', [name, '127.0.0.1', 9_000, 1, { instance, meta }]);
    if (id !== undefined) this.ledger.answered(name, { instance, id: Number(id) });
    return id !== undefined;
  }

  /** Whether a removal or a change of status was answered. The name has instances, so the answer can only be yes. */
  #finish(name: string, answer: unknown): boolean {
    if (answer === undefined) return false;
    if (answer !== true) this.ledger.lost.push(`${name} was said to have no instance`);
    this.ledger.answered(name);
    return true;
  }
}

// Each in a process of its own, so both at once.
it.concurrent.each<StoreOptions>([
  { snapshotBytes: 65_536, durability: 'fsync' },
  { snapshotBytes: 65_536, durability: 'interval' },
])(
  'a registry that is killed over and over loses nothing that it answered, with durability $durability',
  async (store) => {
    const registry = await CrashRegistry.create(store);
    const crashes = new Crashes(registry, SEED);
    await crashes.run(ROUNDS / 2).catch((error: Error) => {
      throw new Error(`ROLLCALL_CRASH_SEED=${SEED}, in ${registry.folder}: ${error.message}`, {
        cause: error,
      });
    });
    const { registrations, removals, lost } = crashes.ledger;
    const snapshot = await registry.newestSnapshot();
    process.stdout.write(
      `crash, ${store.durability}: ${crashes.kills} kills, ${snapshot} journals, ${registrations} answered registrations, ${removals} answered removals, lost ${lost.length} (ROLLCALL_CRASH_SEED=${SEED})\n`,
    );
    expect(lost, `the folder is ${registry.folder}`).toEqual([]);
    expect(registrations).toBeGreaterThan(0);
    if (ROUNDS >= 100) expect(snapshot).toBeGreaterThan(1);
    await registry.remove();
  },
  60_000 + ROUNDS * 5_000,
);
