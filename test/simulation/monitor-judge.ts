import { isDeepStrictEqual } from 'node:util';
import {
  type CommittedEvent,
  definePlugin,
  type RecordChange,
  type ServiceDB,
  type ServiceRecord,
  type VerdictEvent,
} from '../../core/index.js';
import { type Actor, count, judge } from './monitor-actor.js';
import { SLACK_MS } from './monitor-bounds.js';
import { Deadlines } from './monitor-deadlines.js';
import { rulesOf, type Scenario } from './monitor-scenario.js';
import { SilenceRule } from './monitor-silence.js';
import type { AwakeTime } from './monitor-time.js';
import { isAtWork, isSilent, sameVoices, statusOf } from './monitor-voices.js';

/** How many of those that fell silent together are looked up at each audit. */
const LOOKED_UP = 50;

/** Watches a registry from within, as a plugin, and holds what it does against what the issue asks of it. */
export class Judge {
  /** The first thing that was wrong. */
  broken: string | undefined;
  readonly deadlines: Deadlines;
  readonly #time: AwakeTime;
  readonly #actorOf: (name: string, instance: string) => Actor | undefined;
  readonly #scenario: Scenario;
  #silence: SilenceRule;
  /** That of the registry before this one. */
  #before: SilenceRule | undefined;
  #services: ServiceDB | undefined;
  #revision = 0;
  /** The last revision that changed records, as hook `changed` said. */
  #changedAt = 0;
  readonly #touched = new Set<Actor>();
  /** The watcher that asks now and then: what it has, and up to where. */
  #lagging: { records: Map<string, ServiceRecord>; revision: number } | undefined;
  readonly counts = { commits: 0, changes: 0, verdicts: 0, forgotten: 0, massSilences: 0, resets: 0 };

  constructor(
    scenario: Scenario,
    time: AwakeTime,
    actorOf: (name: string, instance: string) => Actor | undefined,
  ) {
    this.#scenario = scenario;
    this.#time = time;
    this.#actorOf = actorOf;
    this.#silence = new SilenceRule(scenario.massSilence);
    this.deadlines = new Deadlines(scenario, time, (what, actor) => this.fail(what, actor));
  }

  fail(what: string, actor?: Actor): void {
    this.broken ??= `at ${this.#time.monotonic} ms (awake ${this.#time.now}): ${what}${actor === undefined ? '' : `\n  ${actor}`}`;
  }

  /** One registry's life begins: the plugin to load into it. */
  plugin() {
    this.#before = this.#silence;
    this.#silence = new SilenceRule(this.#scenario.massSilence);
    this.#lagging = undefined;
    return definePlugin({
      name: 'judge',
      setup: (api) => {
        this.#services = api.services;
        this.#changedAt = 0;
        api.hooks.verdict.tap((event) => this.#verdict(event));
        api.hooks.changed.tap((changes, { revision }) => this.#changed(changes, revision));
        api.hooks.committed.tap((event) => this.#committed(event));
        api.hooks.silence.tap(({ isOn }) => {
          if (isOn) this.counts.massSilences += 1;
        });
      },
    });
  }

  #verdict({ record, kind, verdict }: VerdictEvent): void {
    this.counts.verdicts += 1;
    const actor = this.#actorOf(record.name, record.instance);
    const tally = actor?.tallies.find(({ rule }) => rule.kind === kind);
    if (actor === undefined || tally === undefined) {
      this.fail(
        `"${record.name}" (${record.instance}) has a verdict of ${kind}, which nobody asked for`,
        actor,
      );
      return;
    }
    if (record.status === 'starting' && verdict.status !== 'running') return;
    const { flaps, flapWindowMs } = this.#scenario;
    count(tally, verdict.status);
    actor.expected = judge(actor, this.#time.monotonic, flaps, flapWindowMs);
    this.#touched.add(actor);
  }

  #changed(changes: readonly RecordChange[], revision: number): void {
    if (revision <= this.#revision) this.fail(`revision ${revision} is told of after ${this.#revision}`);
    this.#revision = revision;
    this.#changedAt = revision;
    this.#pass();
    for (const change of changes) this.#change(change, revision);
    this.#compareSilence();
  }

  #change({ record, previous }: RecordChange, revision: number): void {
    this.counts.changes += 1;
    const { name, instance } = (record ?? previous) as ServiceRecord;
    const actor = this.#actorOf(name, instance);
    if (actor === undefined) {
      this.fail(`"${name}" (${instance}) changes, and there is no such instance`);
      return;
    }
    if (actor.record !== previous)
      this.fail('its change does not begin where the one before it ended', actor);
    if (record !== undefined && record.revision !== revision)
      this.fail('its revision is not the commit’s', actor);
    if (previous !== undefined && actor.record === previous) this.deadlines.examine(actor, previous);
    actor.record = record;
    this.#heed(actor, record, previous);
    this.#count(`${name}\0${instance}`, record, previous, revision);
  }

  /** What one change of a record is to be like. */
  #heed(actor: Actor, record: ServiceRecord | undefined, previous: ServiceRecord | undefined): void {
    const now = this.#time.now;
    if (record === undefined) {
      actor.errorSince = undefined;
      actor.tallies = [];
      if (actor.isLeaving) actor.isLeaving = false;
      else {
        this.counts.forgotten += 1;
        this.deadlines.forgotten(actor, previous as ServiceRecord, this.#isMassSilent);
      }
      return;
    }
    if (record.status !== statusOf(record))
      this.fail(`it is ${record.status}, and not ${statusOf(record)}`, actor);
    if (record.reported !== actor.reported)
      this.fail(`it says ${actor.reported}, and not ${record.reported}`, actor);
    const isSame =
      previous !== undefined &&
      previous.registrationRevision === record.registrationRevision &&
      sameVoices(previous, record);
    if (isSame) this.fail('a commit changed nothing of it', actor);
    const { check, lease } = record.voices ?? {};
    if (lease !== undefined && previous?.voices?.lease === undefined) this.deadlines.missed(actor);
    actor.errorSince = check?.status === 'error' ? (actor.errorSince ?? now) : undefined;
    const isWatchedAnew =
      previous === undefined ||
      previous.id !== record.id ||
      previous.host !== record.host ||
      previous.port !== record.port ||
      !isDeepStrictEqual(previous.checks, record.checks);
    if (isWatchedAnew) actor.beginChecks(rulesOf(record, this.#scenario), now, check?.status);
    // What fails while it is starting is not counted, so its time begins when it no longer is.
    if (previous?.status === 'starting' && record.status !== 'starting') actor.freshAt = now;
    this.#touched.add(actor);
  }

  #count(
    key: string,
    record: ServiceRecord | undefined,
    previous: ServiceRecord | undefined,
    revision: number,
  ): void {
    const is = isSilent(record);
    if (record === undefined) this.#silence.rose(key);
    else if (previous !== undefined && is !== isSilent(previous)) {
      if (is) this.#silence.fell(key, revision, this.#time.now, this.#services?.count() ?? 0);
      else this.#silence.rose(key);
    }
    this.deadlines.silence(this.#silence.isOn);
  }

  #committed({ revision, changes }: CommittedEvent): void {
    this.counts.commits += 1;
    // That it is mass silence is kept too.
    const isOfRecords = changes.some(({ collection }) => collection !== '_silence');
    if (isOfRecords && this.#changedAt !== revision)
      this.fail(`commit ${revision} changed no record: ${JSON.stringify(changes)}`);
  }

  #pass(): void {
    this.#silence.pass(this.#time.now);
    this.deadlines.silence(this.#silence.isOn);
  }

  /** What the registry says, where its time may differ from ours; else what the rule does. */
  get #isMassSilent(): boolean {
    return this.#hasStalled ? this.#services?.isMassSilent === true : this.#silence.isOn;
  }

  /** After a stall the registry's time differs from ours by a little, and with it who is within the window. */
  get #hasStalled(): boolean {
    const { windowMs, maxMs } = this.#scenario.massSilence;
    return this.#time.stallsSince(this.#time.now - Math.max(windowMs, maxMs) - SLACK_MS) > 0;
  }

  #compareSilence(): void {
    const is = this.#services?.isMassSilent === true;
    if (is === this.#silence.isOn) return;
    if (!this.#hasStalled) {
      this.fail(is ? 'it is mass silence by no rule' : 'it is not mass silence');
    } else if (is) {
      const [first] = this.#silence.falling.values();
      this.#silence.begin(
        [...this.#silence.falling.keys()],
        first?.revision ?? this.#revision,
        this.#time.now,
      );
    } else {
      this.#silence.end();
    }
    this.deadlines.silence(this.#silence.isOn);
  }

  /** The verdicts there were are all counted: what was to follow from them has followed. */
  settled(): void {
    for (const actor of this.#touched) {
      if (actor.record === undefined) continue;
      const is = actor.record.voices?.check?.status;
      const { expected } = actor;
      if (is !== expected) this.fail(`its checks say ${is}, and their verdicts ${expected}`, actor);
    }
    this.#touched.clear();
  }

  /** A look at what passes, as often as each second. */
  glance(): void {
    this.#pass();
    this.#compareSilence();
    this.#lookUp();
    this.#lag();
  }

  /**
   * A look at everybody. It may come late: whoever was wrong for too long and changed meanwhile was looked at when he did.
   */
  audit(actors: readonly Actor[]): void {
    this.deadlines.checks = actors.reduce((count, { tallies }) => count + tallies.length, 0);
    for (const actor of actors) {
      if (actor.record !== undefined) this.deadlines.examine(actor, actor.record);
    }
  }

  #lookUp(): void {
    let left = LOOKED_UP;
    for (const key of this.#silence.members) {
      if (left-- === 0) return;
      const [name = '', instance] = key.split('\0');
      const found = this.#services?.lookup(name);
      if (found?.stale.some((record) => record.instance === instance) !== true) {
        this.fail(`"${name}" (${instance}) fell silent with the others and is not answered as stale`);
      }
    }
  }

  /** The watcher that asks each second for what came since. */
  #lag(): void {
    const services = this.#services as ServiceDB;
    let stretch = this.#lagging && services.changesAfter(this.#lagging.revision, { limit: 1_000 });
    if (this.#lagging === undefined || stretch === undefined) {
      this.counts.resets += 1;
      this.#lagging = { records: new Map(), revision: services.revision };
      for (const record of services.traverse()) this.#lagging.records.set(keyOf(record), record);
      return;
    }
    while (stretch !== undefined) {
      for (const { record, previous } of stretch.changes) {
        const key = keyOf((record ?? previous) as ServiceRecord);
        if (this.#lagging.records.get(key) !== previous)
          this.fail(`a watcher was told of ${key} out of order`);
        if (record === undefined) this.#lagging.records.delete(key);
        else this.#lagging.records.set(key, record);
      }
      if (stretch.changes.length === 0) return;
      this.#lagging.revision = stretch.revision;
      stretch = services.changesAfter(stretch.revision, { limit: 1_000 });
    }
  }

  /** The changes that were told, one after another, have made of the records what they are. */
  compareReplay(actors: readonly Actor[]): void {
    const services = this.#services as ServiceDB;
    this.#lag();
    let told = 0;
    for (const { record } of actors) if (record !== undefined) told += 1;
    if (told !== services.count())
      this.fail(`there are ${services.count()} records, and ${told} were told of`);
    if (this.#lagging?.records.size !== told)
      this.fail(`a watcher knows ${this.#lagging?.records.size} of ${told} records`);
    for (const record of services.traverse()) {
      const actor = this.#actorOf(record.name, record.instance);
      if (actor?.record !== record) this.fail('its record is not as its changes were told', actor);
      if (this.#lagging?.records.get(keyOf(record)) !== record)
        this.fail('a watcher has another record of it', actor);
    }
  }

  /** Another registry has opened the store: what it serves is held against what the one before served. */
  restarted(actors: readonly Actor[], isFirst: boolean): void {
    const services = this.#services as ServiceDB;
    const found = new Map([...services.traverse()].map((record) => [keyOf(record), record]));
    for (const actor of actors) {
      const before = actor.record;
      const after = found.get(`${actor.name}\0${actor.instance}`);
      actor.record = after;
      if (before === undefined && after === undefined) continue;
      if (isFirst && after !== undefined) {
        this.#beginAnew(actor, after);
        continue;
      }
      if (before === undefined || after === undefined) {
        this.fail(
          `it was ${before === undefined ? 'not there' : 'there'} before the restart, and now is the other`,
          actor,
        );
        continue;
      }
      if (isAtWork(before.status) && !isAtWork(after.status)) {
        this.fail(
          `it was ${before.status}, and is ${after.status} now that the registry has started again`,
          actor,
        );
      }
      this.#beginAnew(actor, after);
    }
    this.#resumeSilence(actors);
    this.#pass();
    this.#compareSilence();
  }

  /** A mass silence goes on after a restart, for those who fell silent in it and are silent still. */
  #resumeSilence(actors: readonly Actor[]): void {
    const before = this.#before;
    if (before?.isOn !== true) return;
    const keys: string[] = [];
    for (const { record } of actors) {
      if (record === undefined || !isSilent(record)) continue;
      const { check, lease } = record.voices ?? {};
      const isOld = [check, lease].some(
        (voice) => voice?.status === 'error' && voice.revision < before.since,
      );
      if (!isOld) keys.push(keyOf(record));
    }
    if (keys.length > 0) this.#silence.begin(keys, before.since, this.#time.now);
  }

  /** It gets a fresh term, and its checks count from nothing. */
  #beginAnew(actor: Actor, record: ServiceRecord): void {
    const { now } = this.#time;
    actor.beginChecks(rulesOf(record, this.#scenario), now, record.voices?.check?.status);
    actor.heardAt = now;
  }
}

function keyOf({ name, instance }: ServiceRecord): string {
  return `${name}\0${instance}`;
}
