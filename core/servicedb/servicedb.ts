import { type Awaitable, isPromise } from '../awaitable.js';
import type { Catalogue, Draft } from '../catalogue.js';
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Hooks, RecordChange } from '../hooks.js';
import type { Logger } from '../logger.js';
import type { Collection, MicroDB } from '../microdb/index.js';
import type { By, FeedCommit, Store } from '../store.js';
import { ThisMachine } from '../this-machine.js';
import { ChangeLog } from './change-log.js';
import { Demands } from './demands.js';
import { Drafts, type Which } from './drafts.js';
import { Expiry } from './expiry.js';
import { fireHooks } from './fire-hooks.js';
import { KeptSilence } from './kept-silence.js';
import type { ServiceDBOptions } from './options.js';
import {
  instanceKey,
  type Opinion,
  registrationOf,
  type ServiceRecord,
  type Status,
  type Voice,
} from './record.js';
import { type RegisterOptions, Registrations } from './registrations.js';
import { parseRegisterRequest, type RegisterInput, type RegisterRequest } from './request.js';
import { ServiceChanges } from './service-changes.js';
import { ServiceShelf } from './service-shelf.js';
import { Supervised } from './supervised.js';

export type { Stretch } from './change-log.js';
export type { Which } from './drafts.js';
export type { ServiceDBOptions } from './options.js';
export type { Changes } from './service-changes.js';
export type { Lookup } from './service-reads.js';

const INTERNAL: By = Object.freeze({ who: 'registry', door: 'internal' });
/** What a heartbeat, and what a registration, takes back. */
const HEARTBEAT: readonly Voice[] = ['lease'];
const REGISTER: readonly Voice[] = ['lease', 'exited'];

/**
 * The service records: the only writer of them (DESIGN §4). Reads answer from memory and copy nothing. Writes answer
 * once they are stored: at once where the store keeps them in memory, else by a promise.
 */
export class ServiceDB extends ServiceChanges {
  protected readonly db: MicroDB;
  protected readonly log: ChangeLog;
  readonly #shelf: ServiceShelf;
  readonly #catalogue: Catalogue;
  readonly #hooks: Hooks;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #drafts: Drafts;
  readonly #expiry: Expiry;
  readonly #registrations: Registrations;
  readonly #supervised: Supervised;
  readonly #demands: Demands;

  constructor(parts: {
    db: MicroDB;
    catalogue: Catalogue;
    store: Pick<Store, 'reserveIds'>;
    hooks: Hooks;
    clock: Clock;
    logger: Logger;
    options: ServiceDBOptions;
  }) {
    const { db, catalogue, hooks, clock, options } = parts;
    super();
    this.db = db;
    this.log = new ChangeLog({
      hasInstances: (name) => this.records.countBy('name', name) > 0,
      onError: (error) =>
        this.#logger.error({ err: error }, `Who waits for changes failed: ${messageOf(error)}`),
    });
    this.#catalogue = catalogue;
    this.#hooks = hooks;
    this.#clock = clock;
    this.#logger = parts.logger;
    this.#shelf = new ServiceShelf(db, this.log, (changes, commit) => this.#changed(changes, commit));
    catalogue.addShelf(this.#shelf);
    this.#drafts = new Drafts(catalogue, this.#shelf);
    this.#demands = new Demands(hooks, clock);
    this.#expiry = new Expiry({
      clock,
      logger: parts.logger,
      forgetAfterMs: options.forgetAfterMs,
      massSilence: {
        share: options.massSilenceShare,
        windowMs: options.massSilenceWindowMs,
        maxMs: options.massSilenceMaxMs,
      },
      keptSilence: new KeptSilence(catalogue, (say) => this.#speak(say, INTERNAL)),
      record: (key) => this.#shelf.record(key),
      isOurs: (record) => record.home === this.home,
      countInstances: () => this.records.size,
      onMissed: ({ name, instance, ttlMs }) => {
        const reason = `no heartbeat within ${ttlMs} ms`;
        this.#observe(instanceKey(name, instance), 'lease', { status: 'error', reason });
      },
      onForgotten: async ({ name, id, instance }) => void (await this.unregister(name, { id, instance })),
      onSilence: (silence) => hooks.silence.call(silence),
    });
    this.#supervised = new Supervised(new ThisMachine(clock));
    this.#registrations = new Registrations({
      catalogue,
      shelf: this.#shelf,
      drafts: this.#drafts,
      expiry: this.#expiry,
      supervised: this.#supervised,
      store: parts.store,
      hooks,
      clock,
      options,
      isAlive: (key, by) => this.#isAlive(key, REGISTER, by),
    });
  }

  protected override get records(): Collection<ServiceRecord> {
    return this.#shelf.records;
  }

  override get isMassSilent(): boolean {
    return this.#expiry.isMassSilent;
  }

  override isStale(record: ServiceRecord): boolean {
    return this.#expiry.isStale(record);
  }

  override leaseLeftMs(record: ServiceRecord): number | undefined {
    return this.#expiry.leaseLeftMs(record);
  }

  /** The stable id of this server, which checks and expires the records that name it as `home`. */
  get home(): string {
    return this.#catalogue.state.home;
  }

  protected override get epoch(): string {
    return this.#catalogue.state.epoch;
  }

  /** Replay has ended: every lease gets one fresh term, since nobody could heartbeat meanwhile. */
  opened(): void {
    this.#shelf.endLoad();
    this.log.startAt(this.#catalogue.revision);
    for (const record of this.records) {
      this.#expiry.watchOver(record, undefined);
      this.#supervised.follow(record, undefined);
      this.follow(record, undefined);
    }
    this.#expiry.resumeSilence(this.records);
  }

  /** Callers that wait for a service are told that the registry stops. */
  endWaits(): void {
    this.#demands.close();
  }

  close(): void {
    this.#expiry.close();
    this.#demands.close();
  }

  // Writes.

  /**
   * Registers an instance, or renews it under the same id where (name, instance) is known; without an instance name it
   * is `host:port`. INVALID_ARGUMENT, REFUSED (a policy plugin), LIMIT_REACHED, STORE_…
   */
  register(input: RegisterInput, options: RegisterOptions = {}): Awaitable<ServiceRecord> {
    return this.registerParsed(parseRegisterRequest(input), options);
  }

  /** `register` for a door that has parsed the request already. */
  registerParsed(request: RegisterRequest, options: RegisterOptions = {}): Awaitable<ServiceRecord> {
    return this.#registrations.register(request, options.by ?? INTERNAL, options);
  }

  /** Removes instances of a name; answers how many. None is no error. */
  unregister(name: string, which: Which & { by?: By } = {}): Awaitable<number> {
    return this.#catalogue.write(
      () => {
        const gone = this.#drafts.matching(name, which);
        return { changes: gone.flatMap((one) => this.#drafts.removal(one)), answer: () => gone.length };
      },
      which.by ?? INTERNAL,
      'durable',
    );
  }

  /** What instances of a name say of themselves; answers how many there are. It counts as a heartbeat. */
  updateStatus(name: string, status: Status, which: Which & { by?: By } = {}): Awaitable<number> {
    const { by = INTERNAL } = which;
    return this.#catalogue.write(
      () => {
        const matching = this.#drafts.matching(name, which);
        const changes: Draft[] = [];
        for (const one of matching) {
          const key = instanceKey(name, one.instance);
          if (one.ttlMs !== undefined) this.#expiry.renew(key, one.ttlMs);
          if (one.reported === status) continue;
          const updatedAt = this.#clock.now();
          changes.push(this.#drafts.put(key, registrationOf({ ...one, reported: status, updatedAt })));
        }
        const answer = () => {
          for (const { instance } of matching) this.#isAlive(instanceKey(name, instance), HEARTBEAT, by);
          return matching.length;
        };
        return { changes, answer };
      },
      by,
      'durable',
    );
  }

  /** Renews the leases of instances of a name; answers how many instances there are, leased or not. Nothing is stored. */
  heartbeat(name: string, which: Which & { by?: By } = {}): number {
    let count = 0;
    for (const record of this.#shelf.meant(name, which.id)) {
      const { id, instance } = record;
      if ((which.id ?? id) !== id || (which.instance ?? instance) !== instance) continue;
      count += 1;
      if (record.ttlMs === undefined) continue;
      const key = instanceKey(name, instance);
      this.#expiry.renew(key, record.ttlMs);
      this.#isAlive(key, HEARTBEAT, which.by ?? INTERNAL);
    }
    return count;
  }

  /** What the supervisor says of an instance it runs; undefined: nothing against it. Answers whether there is one. */
  manage(
    name: string,
    instance: string,
    opinion: Opinion | undefined,
    by: By = INTERNAL,
  ): Awaitable<boolean> {
    const key = instanceKey(name, instance);
    return this.#catalogue.write(
      () => {
        const isThere = this.#drafts.registration(key) !== undefined;
        const changes = isThere ? this.#drafts.opinion(key, 'managed', opinion) : [];
        return { changes, answer: () => isThere };
      },
      by,
      'durable',
    );
  }

  /**
   * The instance has ended for certain: it is gone from lookups before this returns, whatever the disk does. To be
   * followed by `unregister`. Answers whether there is one.
   */
  exited(name: string, instance: string, reason: string): boolean {
    return this.#observe(instanceKey(name, instance), 'exited', { status: 'stopped', reason });
  }

  /** What checks say of an instance; undefined: nothing against it. Applied before this returns, whatever the disk does. */
  observe(name: string, instance: string, opinion: Opinion | undefined): boolean {
    return this.#observe(instanceKey(name, instance), 'check', opinion);
  }

  // A wait; the plain reads are in ServiceReads, and those of changes in ServiceChanges.

  /**
   * One instance that may be called; where there is none, one is asked for and waited for, at most `waitMs`
   * (default 30 s). Rejects with NO_INSTANCE, LIMIT_REACHED, STOPPING.
   */
  async resolve(
    name: string,
    options: { waitMs?: number; signal?: AbortSignal } = {},
  ): Promise<ServiceRecord> {
    return this.next(name) ?? this.#demands.wait(name, options.waitMs ?? 30_000, options.signal);
  }

  // Within.

  /**
   * What is observed of an instance, applied before this returns. Answers whether there is one: as long as the feed has
   * not passed its registration, or once its removal is queued, nothing can be said of it.
   */
  #observe(key: string, voice: Voice, opinion: Opinion | undefined): boolean {
    let isThere = false;
    this.#speak(() => {
      isThere = this.#shelf.record(key) !== undefined && this.#drafts.registration(key) !== undefined;
      return isThere ? this.#drafts.opinion(key, voice, opinion) : [];
    }, INTERNAL);
    return isThere;
  }

  /**
   * An instance has spoken: what its silence had said against it is taken back. That is observed health, and so a commit
   * of its own: in a durable one, still on its way to the disk, it would undo what is observed meanwhile.
   */
  #isAlive(key: string, against: readonly Voice[], by: By): void {
    const voices = this.#shelf.record(key)?.voices;
    if (voices === undefined || against.every((voice) => voices[voice] === undefined)) return;
    this.#speak(() => against.flatMap((voice) => this.#drafts.opinion(key, voice, undefined)), by);
  }

  /** Stores what is volatile. The store applies it at once; how it gets to the disk is no concern of the caller. */
  #speak(say: () => readonly Draft[], by: By): void {
    const failed = (error: unknown) =>
      this.#logger.error({ err: error }, `Observed health was not stored: ${messageOf(error)}`);
    try {
      const end = this.#catalogue.write(() => ({ changes: say(), answer: () => undefined }), by, 'volatile');
      if (isPromise(end)) end.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  /** The feed has delivered changes of records: first what ServiceDB itself keeps of them, then the hooks. */
  #changed(changes: readonly RecordChange[], commit: FeedCommit): void {
    for (const { record, previous } of changes) {
      this.follow(record, previous);
      this.#supervised.follow(record, previous);
      if (record !== undefined) this.#appeared(record, previous);
      else if (previous !== undefined) this.#disappeared(previous);
    }
    this.log.tell(changes);
    fireHooks(this.#hooks, changes, commit);
  }

  #appeared(record: ServiceRecord, previous: ServiceRecord | undefined): void {
    this.#expiry.watchOver(record, previous);
    if (!this.#demands.has(record.name)) return;
    // Not the record itself: a later commit may be in memory already.
    const found = this.next(record.name);
    if (found !== undefined) this.#demands.answer(found);
  }

  #disappeared(record: ServiceRecord): void {
    this.#expiry.letGo(record);
    if (this.records.countBy('name', record.name) > 0) return;
    this.endTurns(record.name);
    this.log.emptied(record.name);
  }
}
