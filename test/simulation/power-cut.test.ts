import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { RegistryError, type StoreState, silentLogger } from '../../core/index.js';
import { FileStore } from '../../plugins/stores/file/file-store.js';
import { commitOf, MapReader } from '../contracts/store.js';
import { Chance } from '../support/chance.js';
import { FakeClock } from '../support/fake-clock.js';
import { type Faults, NO_FAULTS, PowerCutDisk, type Session } from './power-cut-disk.js';
import { History } from './power-cut-history.js';

// The seeds 1 to so many, or this one alone.
const SEEDS = Number(process.env.ROLLCALL_POWER_CUT_SEEDS ?? (process.env.MODE === 'crash' ? 2_000 : 50));
const SEED = process.env.ROLLCALL_POWER_CUT_SEED;
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];

// The lock is a file of the machine's own disk; nothing else is.
const folder = mkdtempSync(join(tmpdir(), 'rollcall-power-cut-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** How often what happened, to show that it does happen. */
const nothingSeen = {
  ...{ lives: 0, cuts: 0, cutsWhileOpening: 0, kills: 0, closes: 0 },
  ...{ failedStarts: 0, answered: 0, snapshots: 0 },
};
let seen = { ...nothingSeen };

/** A store that lives through power cuts, kills and closes, all of it decided by a seed. */
class Lives {
  readonly #chance: Chance;
  readonly #clock: FakeClock;
  readonly #disk: PowerCutDisk;
  readonly #history: History;
  readonly #snapshotBytes: number;
  readonly #intervalMs: number | undefined;

  constructor(seed: number, intervalMs: number | undefined) {
    this.#intervalMs = intervalMs;
    this.#history = new History(intervalMs);
    this.#chance = new Chance(seed);
    this.#clock = new FakeClock({ seed });
    this.#disk = new PowerCutDisk(new Chance(this.#chance.seed()));
    this.#snapshotBytes = this.#chance.pick([200, 1_000, 5_000, 50_000]);
  }

  async run(): Promise<void> {
    for (let life = this.#chance.between(2, 7); life > 0; life -= 1) {
      const isShort = this.#chance.is(0.3);
      const ticks = isShort ? this.#chance.below(60) : this.#chance.below(1_500);
      const rate = this.#chance.pick([0, 0, 0.01, 0.1]);
      await this.#live(ticks, { rate, codes: ['ENOSPC', 'EIO'] });
    }
    // In the end all is well, and the folder must be as good as ever.
    await this.#live(Number.POSITIVE_INFINITY, NO_FAULTS);
    await this.#live(Number.POSITIVE_INFINITY, NO_FAULTS);
  }

  async #live(ticks: number, faults: Faults): Promise<void> {
    seen.lives += 1;
    const session = this.#disk.begin(ticks, faults);
    rmSync(join(folder, 'lock'), { force: true });
    const store = new FileStore({
      path: folder,
      clock: this.#clock,
      logger: silentLogger,
      snapshotBytes: this.#snapshotBytes,
      intervalMs: this.#intervalMs,
      disk: session,
    });
    const reader = new MapReader();
    const opening = store.open(reader).catch((error: unknown) => error);
    const state = await Promise.race([opening, session.over]);
    if (state === 'over') {
      seen.cutsWhileOpening += 1;
      return this.#cut();
    }
    if (state instanceof Error) return this.#failed(state, faults);
    this.#history.check(reader, state as StoreState);
    await this.#work(store, session);
    await this.#end(store, session, reader, state as StoreState);
  }

  /** A disk that fails may keep a store from opening. It must say so, and must not take it for damage. */
  #failed(error: Error, faults: Faults): void {
    seen.failedStarts += 1;
    if (faults.rate === 0) throw error;
    expect(error).toBeInstanceOf(RegistryError);
    expect((error as RegistryError).code, error.message).toMatch(/^STORE_(FULL|FAILED)$/);
    if (this.#chance.is(0.5)) this.#cut();
    else this.#disk.kill();
  }

  async #work(store: FileStore, session: Session): Promise<void> {
    for (let step = this.#chance.between(5, 80); step > 0 && !session.isOver; step -= 1) {
      const underWay = this.#chance.is(0.9) ? this.#commit(store, session) : this.#reserve(store, session);
      if (this.#chance.is(0.3)) await Promise.race([underWay, session.over]);
      if (this.#chance.is(0.1)) {
        await this.#clock.advanceAsync(this.#chance.pick([50, 200, 1_100, 11_000, 61_000]));
      }
      for (let turns = this.#chance.below(4); turns > 0; turns -= 1) await nextTurn();
    }
  }

  async #commit(store: FileStore, session: Session): Promise<void> {
    const keys = KEYS.filter(() => this.#chance.is(0.3));
    if (keys.length === 0) keys.push(this.#chance.pick(KEYS));
    const removed = keys.filter(() => this.#chance.is(0.2));
    const isDurable = this.#chance.is(0.7);
    const filler = 'x'.repeat(this.#chance.pick([0, 0, 30, 300, 2_000]));
    const { delivered } = this.#history;
    const asked = this.#history.ask(keys, removed, isDurable);
    const changes = [...asked.values].map(([key, n]) => ({ key, value: n === null ? null : { n, filler } }));
    const outcome = await store.commit(commitOf(changes, isDurable ? 'durable' : 'volatile'));
    if (session.isOver) return;
    seen.answered += 1;
    this.#history.answered(asked, delivered, outcome, this.#clock.monotonic());
  }

  async #reserve(store: FileStore, session: Session): Promise<void> {
    const count = this.#chance.between(1, 100);
    const first = await store.reserveIds(count).catch(() => undefined);
    if (first !== undefined && !session.isOver) this.#history.reserved(first, count);
  }

  async #end(store: FileStore, session: Session, reader: MapReader, state: StoreState): Promise<void> {
    if (this.#disk.names.some((name) => name.startsWith('snapshot'))) seen.snapshots += 1;
    const how = this.#chance.pick(['cut', 'cut', 'kill', 'close', 'close']);
    if (how === 'close' && !session.isOver) {
      const closing = store.close().then(() => 'closed' as const);
      if ((await Promise.race([closing, session.over])) === 'closed') seen.closes += 1;
      this.#history.closed(reader, state);
    }
    this.#history.ended(reader, state);
    if (session.isOver || how === 'cut') {
      seen.cuts += 1;
      this.#cut();
    } else {
      seen.kills += 1;
      this.#disk.kill();
    }
  }

  #cut(): void {
    this.#disk.cut();
    this.#history.cut();
  }
}

it.each([
  ['fsync', undefined],
  ['interval', 100],
] as const)(
  'a store that loses power keeps what it has promised to, with durability %s',
  async (durability, intervalMs) => {
    const seeds = SEED === undefined ? Array.from({ length: SEEDS }, (_, at) => at + 1) : [Number(SEED)];
    const failures: string[] = [];
    seen = { ...nothingSeen };
    for (const seed of seeds) {
      try {
        await new Lives(seed, intervalMs).run();
      } catch (error) {
        failures.push(`ROLLCALL_POWER_CUT_SEED=${seed}: ${(error as Error).stack}`);
      }
    }
    const what = Object.entries(seen).map(([name, count]) => `${name} ${count}`);
    process.stdout.write(
      `power cuts, ${durability}: ${what.join(', ')}; seeds ${seeds.length}, failed ${failures.length}\n`,
    );
    expect(failures.slice(0, 3)).toEqual([]);
    if (SEED === undefined) expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
  },
  SEEDS * 500 + 20_000,
);
