import type { Draft, Shelf } from '../catalogue.js';
import type { RecordChange } from '../hooks.js';
import { deepFreeze, type JsonObject } from '../json.js';
import type { Batch, Collection, MicroDB } from '../microdb/index.js';
import type { FeedCommit, StoredEntry } from '../store.js';
import type { ChangeLog } from './change-log.js';
import {
  freezeParts,
  type HeldOpinion,
  instanceKey,
  mergeRecord,
  type Opinion,
  type Registration,
  registrationOf,
  type ServiceRecord,
  splitVoiceKey,
  VOICES,
  type Voice,
  voiceKey,
} from './record.js';

export const INSTANCES = 'instances';
export const VOICE_DOCUMENTS = 'voices';

type Voices = { readonly [voice in Voice]?: HeldOpinion };

/** What one commit makes of one instance, while its changes are gone through. */
interface Sketch {
  registration: Registration | undefined;
  registrationRevision: number;
  voices: { [voice in Voice]?: HeldOpinion } | undefined;
}

/**
 * Holds instances and voices, which are stored apart, together as one record each in MicroDB. The stored documents
 * are not kept beside the records: they are read off them again when the store asks.
 */
export class ServiceShelf implements Shelf {
  readonly collections = [INSTANCES, VOICE_DOCUMENTS];
  readonly records: Collection<ServiceRecord>;
  readonly #log: ChangeLog;
  readonly #tell: (changes: readonly RecordChange[], commit: FeedCommit) => void;
  /** While replaying: voices whose instance has not come yet. */
  #early = new Map<string, Voices>();
  /** While replaying: what nearly every registration says alike, so that it is kept once. */
  readonly #shared = { home: '', owner: '' };

  constructor(
    db: MicroDB,
    log: ChangeLog,
    tell: (changes: readonly RecordChange[], commit: FeedCommit) => void,
  ) {
    this.#log = log;
    this.#tell = tell;
    this.records = db.collection<ServiceRecord>('services', {
      key: ['name', 'instance'],
      indexes: { id: { fields: ['id'], unique: true }, name: { fields: ['name'] } },
    });
  }

  /** The record of an instance by its key in the store, which is its key in MicroDB too: one write asks for it five times. */
  record(key: string): ServiceRecord | undefined {
    return this.records.at(key);
  }

  /** The instances of a name, or the one of them with an id: the others, of which there may be many, are not looked at. */
  meant(name: string, id: number | undefined): Iterable<ServiceRecord> {
    if (id === undefined) return this.records.by('name', name);
    const one = this.records.getBy('id', id);
    return one?.name === name ? [one] : [];
  }

  load(entry: Omit<StoredEntry, 'value'> & { readonly value: JsonObject | null }): void {
    const { collection, key, value, revision } = entry;
    if (collection !== INSTANCES || value === null || this.#early.has(key)) {
      this.#loadAny(entry);
      return;
    }
    // Nearly all there is at boot: an instance that is new, and of which no voice has spoken.
    const registration = value as unknown as Registration;
    // Where it is frozen, it is so throughout, and may not be changed.
    if (!Object.isFrozen(registration)) this.#takeIn(registration);
    const previous = this.records.load(mergeRecord(registration, revision, undefined, revision), key);
    if (previous?.voices !== undefined) this.#merge(registration, revision, previous);
  }

  /** Replay has ended: voices of instances that are not there any more are dropped. */
  endLoad(): void {
    this.#early = new Map();
  }

  apply(changes: readonly Draft[], revision: number, batch: Batch | undefined): readonly RecordChange[] {
    const [first] = changes;
    if (changes.length === 1 && first !== undefined) {
      const change = this.#changeOf(first, revision);
      return this.#put(change === undefined ? [] : [change], revision, batch);
    }
    const sketches = new Map<string, Sketch>();
    for (const change of changes) {
      const key = recordKey(change);
      let sketch = sketches.get(key);
      if (sketch === undefined) {
        sketch = sketchOf(this.record(key), undefined);
        sketches.set(key, sketch);
      }
      draw(sketch, change, revision);
    }
    const done: RecordChange[] = [];
    for (const [key, sketch] of sketches) {
      const change = changeFrom(sketch, this.record(key), revision);
      if (change !== undefined) done.push(change);
    }
    return this.#put(done, revision, batch);
  }

  tell(applied: unknown, commit: FeedCommit): void {
    const changes = applied as readonly RecordChange[];
    if (changes.length > 0) this.#tell(changes, commit);
  }

  valueOf(collection: string, key: string): JsonObject | undefined {
    if (collection === INSTANCES) {
      const record = this.record(key);
      return record && asJson(record);
    }
    const { instance, voice } = splitVoiceKey(key);
    return this.record(instance)?.voices?.[voice] as JsonObject | undefined;
  }

  revisionOf(collection: string, key: string): number | undefined {
    if (collection === INSTANCES) return this.record(key)?.registrationRevision;
    const { instance, voice } = splitVoiceKey(key);
    return this.record(instance)?.voices?.[voice]?.revision;
  }

  *entries(): Iterable<StoredEntry> {
    for (const record of this.records) {
      const key = instanceKey(record.name, record.instance);
      yield {
        collection: INSTANCES,
        key,
        value: asJson(registrationOf(record)),
        revision: record.registrationRevision,
      };
      for (const voice of VOICES) {
        const opinion = record.voices?.[voice];
        if (opinion === undefined) continue;
        const { status, reason, revision } = opinion;
        yield { collection: VOICE_DOCUMENTS, key: voiceKey(key, voice), value: { status, reason }, revision };
      }
    }
  }

  #takeIn(registration: Registration & { home: string; owner: string }): void {
    freezeParts(registration);
    const { home, owner } = registration;
    if (home === this.#shared.home) registration.home = this.#shared.home;
    else this.#shared.home = home;
    if (owner === this.#shared.owner) registration.owner = this.#shared.owner;
    else this.#shared.owner = owner;
  }

  /** One key at boot, whatever it is. */
  #loadAny(entry: Omit<StoredEntry, 'value'> & { readonly value: JsonObject | null }): void {
    const key = recordKey(entry);
    const current = this.record(key);
    const sketch = sketchOf(current, this.#early.get(key));
    draw(sketch, { ...entry, value: deepFreeze(entry.value) }, entry.revision);
    const said = Object.values(sketch.voices ?? {}).map(({ revision }) => revision);
    const record = finish(sketch, Math.max(entry.revision, current?.revision ?? 0, ...said));
    this.#early.delete(key);
    if (record !== undefined) this.records.load(record);
    else if (current !== undefined) this.records.unload(current.name, current.instance);
    if (record === undefined && sketch.voices !== undefined) this.#early.set(key, sketch.voices);
  }

  /** At boot: a registration that replaces another, of which voices have spoken. */
  #merge(registration: Registration, revision: number, { voices, revision: before }: ServiceRecord): void {
    this.records.load(mergeRecord(registration, revision, voices, Math.max(revision, before)));
  }

  #changeOf(change: Draft, revision: number): RecordChange | undefined {
    const previous = this.record(recordKey(change));
    if (change.collection === INSTANCES && change.value !== null) {
      const registration = change.value as unknown as Registration;
      return { record: mergeRecord(registration, revision, previous?.voices, revision), previous };
    }
    const sketch = sketchOf(previous, undefined);
    draw(sketch, change, revision);
    return changeFrom(sketch, previous, revision);
  }

  #put(
    changes: readonly RecordChange[],
    revision: number,
    batch: Batch | undefined,
  ): readonly RecordChange[] {
    const writer = batch?.collection<ServiceRecord>(this.records.name) ?? this.records;
    const options = batch === undefined ? { frozen: true, revision } : { frozen: true };
    for (const change of changes) this.#log.push(revision, change);
    for (const { record, previous } of changes) {
      if (record !== undefined) writer.put(record, options);
      else if (previous !== undefined) writer.remove(previous.name, previous.instance);
    }
    return changes;
  }
}

/** An interface says nothing that a JSON object could not. */
function asJson(registration: Registration): JsonObject {
  return registration as unknown as JsonObject;
}

function recordKey({ collection, key }: Pick<Draft, 'collection' | 'key'>): string {
  return collection === INSTANCES ? key : splitVoiceKey(key).instance;
}

/** What comes of a sketch; nothing where it is a voice of an instance that is gone. */
function changeFrom(
  sketch: Sketch,
  previous: ServiceRecord | undefined,
  revision: number,
): RecordChange | undefined {
  const record = finish(sketch, revision);
  return record === undefined && previous === undefined ? undefined : { record, previous };
}

function sketchOf(record: ServiceRecord | undefined, early: Voices | undefined): Sketch {
  return {
    registration: record,
    registrationRevision: record?.registrationRevision ?? 0,
    voices: record?.voices ?? early,
  };
}

function draw(sketch: Sketch, { collection, key, value }: Draft, revision: number): void {
  if (collection === INSTANCES) {
    sketch.registration = (value ?? undefined) as Registration | undefined;
    sketch.registrationRevision = revision;
    if (value === null) sketch.voices = undefined;
    return;
  }
  const { voice } = splitVoiceKey(key);
  const { [voice]: _, ...others } = sketch.voices ?? {};
  const voices: Voices =
    value === null
      ? others
      : { ...others, [voice]: Object.freeze({ ...(value as unknown as Opinion), revision }) };
  sketch.voices = Object.keys(voices).length === 0 ? undefined : voices;
}

function finish(sketch: Sketch, revision: number): ServiceRecord | undefined {
  if (sketch.registration === undefined) return undefined;
  return mergeRecord(sketch.registration, sketch.registrationRevision, sketch.voices, revision);
}
