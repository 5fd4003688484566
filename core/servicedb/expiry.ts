import type { Clock } from '../clock.js';
import type { Silence } from '../hooks.js';
import { LogBudget } from '../log-budget.js';
import type { Logger } from '../logger.js';
import { AwakeClock } from './awake-clock.js';
import { isSilentSince, type KeptSilence } from './kept-silence.js';
import { Leases } from './leases.js';
import { MassSilence, type MassSilenceOptions } from './mass-silence.js';
import { instanceKey, isSilent, type ServiceRecord } from './record.js';

/** Lines a minute of leases that end. */
const MOST_NEWS = 200;
/** How long after a failed removal it is tried again. */
const RETRY_MS = 10_000;

/** What expiry asks of ServiceDB, whose records it watches over and does not write. */
export interface ExpiryParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly forgetAfterMs: number;
  readonly massSilence: MassSilenceOptions;
  readonly keptSilence: Pick<KeptSilence, 'since' | 'keep'>;
  record(key: string): ServiceRecord | undefined;
  /** Whether this server checks and expires the instance. */
  isOurs(record: ServiceRecord): boolean;
  countInstances(): number;
  /** Its lease has ended: it is to be in error. */
  onMissed(record: ServiceRecord): void;
  /** It has been silent for `forgetAfterMs`: it is to be removed. */
  onForgotten(record: ServiceRecord): Promise<void>;
  onSilence(silence: Silence): void;
}

/**
 * What becomes of our instances that fall silent (DESIGN §4): a lease that ends makes an error, an error that lasts is
 * forgotten, and nothing is forgotten while many are silent at once. It lives in memory: a new start gives every lease a
 * fresh term; only that there is a mass silence outlives it. A stall of this process extends them all.
 */
export class Expiry {
  readonly #parts: ExpiryParts;
  readonly #news: LogBudget;
  readonly #awake: AwakeClock;
  readonly #leases: Leases;
  /** Leases that have ended, until what they leased is forgotten. */
  readonly #forgetting: Leases;
  readonly #silence: MassSilence;

  constructor(parts: ExpiryParts) {
    this.#parts = parts;
    const { clock, logger } = parts;
    this.#news = new LogBudget(clock, MOST_NEWS, (fields, message) => logger.info(fields, message));
    this.#awake = new AwakeClock(parts.clock, () => this.#isAwakeNeeded);
    this.#leases = new Leases(this.#awake, (key) => this.#missed(key));
    this.#forgetting = new Leases(this.#awake, (key) => this.#forget(key));
    this.#silence = new MassSilence({
      ...parts.massSilence,
      clock: this.#awake,
      countInstances: () => parts.countInstances(),
      onTurn: (silence) => this.#turned(silence),
    });
  }

  get isMassSilent(): boolean {
    return this.#silence.isOn;
  }

  /** Whether it is answered although it is silent: it fell silent with many others. */
  isStale(record: ServiceRecord): boolean {
    return this.#silence.isOn && isSilent(record) && this.#silence.has(keyOf(record));
  }

  /** How long its lease still runs; undefined where it has none here, or it has ended. */
  leaseLeftMs(record: ServiceRecord): number | undefined {
    return this.#leases.leftMs(keyOf(record));
  }

  /** An instance that has a lease speaks. */
  renew(key: string, ttlMs: number): void {
    this.#awake.watch();
    this.#leases.set(key, ttlMs);
  }

  /** A record was put. */
  watchOver(record: ServiceRecord, previous: ServiceRecord | undefined): void {
    const { isOurs } = this.#parts;
    if (!isOurs(record)) {
      if (previous !== undefined && isOurs(previous)) this.letGo(previous);
      return;
    }
    const { ttlMs } = record;
    const former = previous !== undefined && isOurs(previous) ? previous : undefined;
    if (ttlMs !== former?.ttlMs) {
      const key = keyOf(record);
      if (ttlMs === undefined) this.#drop(key);
      else this.renew(key, ttlMs);
    }
    if (former === undefined) return;
    const silent = isSilent(record);
    if (silent === isSilent(former)) return;
    if (silent) this.#silence.fell(keyOf(record), record.revision);
    else this.#silence.rose(keyOf(record));
  }

  /** Replay has ended: where a mass silence was on when the last process did, it is on again for who is silent still. */
  resumeSilence(records: Iterable<ServiceRecord>): void {
    const { keptSilence, isOurs } = this.#parts;
    const { since } = keptSilence;
    if (since === undefined) return;
    const keys: string[] = [];
    for (const record of records)
      if (isOurs(record) && isSilentSince(record, since)) keys.push(keyOf(record));
    if (keys.length > 0) this.#silence.resume(keys, since);
    else keptSilence.keep(undefined);
  }

  /** A record is gone, or no longer ours. */
  letGo(record: ServiceRecord): void {
    const key = keyOf(record);
    this.#drop(key);
    this.#silence.rose(key);
  }

  close(): void {
    this.#awake.close();
    this.#news.close();
    this.#leases.close();
    this.#forgetting.close();
    this.#silence.close();
  }

  get #isAwakeNeeded(): boolean {
    return this.#leases.size + this.#forgetting.size > 0 || this.#silence.isOn;
  }

  #drop(key: string): void {
    this.#leases.drop(key);
    this.#forgetting.drop(key);
  }

  /** The record of a lease, if it still has one and is ours. */
  #leased(key: string): ServiceRecord | undefined {
    const record = this.#parts.record(key);
    return record?.ttlMs !== undefined && this.#parts.isOurs(record) ? record : undefined;
  }

  #missed(key: string): void {
    const record = this.#leased(key);
    if (record === undefined) return;
    this.#forgetting.set(key, this.#parts.forgetAfterMs);
    const { name, instance, ttlMs } = record;
    const text = `"${name}" (${instance}): error: no heartbeat within ${ttlMs} ms`;
    this.#news.log({ service: name, instance }, text);
    this.#parts.onMissed(record);
  }

  #forget(key: string): void {
    const record = this.#leased(key);
    // It may have come back meanwhile: a heartbeat costs less if it leaves that to be found out here.
    if (record === undefined || this.#leases.has(key)) return;
    if (this.#silence.isOn) {
      // Nobody is removed while many are silent: look again later.
      this.#forgetting.set(key, this.#parts.massSilence.windowMs);
      return;
    }
    const { name, instance, reason } = record;
    const { logger, onForgotten } = this.#parts;
    onForgotten(record).then(
      () => logger.info({ service: name, instance }, `Forgot "${name}" (${instance}): ${reason}.`),
      (error) => {
        const fields = { service: name, instance, err: error };
        logger.error(fields, `"${name}" (${instance}) could not be forgotten yet.`);
        this.#forgetting.set(key, RETRY_MS);
      },
    );
  }

  #turned(silence: Silence): void {
    const { isOn, silent, total } = silence;
    const { logger, keptSilence, onSilence } = this.#parts;
    if (isOn) {
      this.#awake.watch();
      logger.error(
        { silent, total },
        `Mass silence: ${silent} of ${total} instances fell silent at once. It is more likely that the network, or this registry, is ill: nothing is removed until it clears, and lookups also answer those, marked stale. \`rollcall services --status error\` lists them; where they have died after all, it ends after services.massSilenceMax, or once they are unregistered.`,
      );
    } else {
      logger.warn({ silent, total }, `Mass silence has ended; ${silent} instances of it are silent still.`);
    }
    keptSilence.keep(this.#silence.since);
    onSilence(silence);
  }
}

function keyOf({ name, instance }: ServiceRecord): string {
  return instanceKey(name, instance);
}
