import type { Catalogue, Draft } from '../catalogue.js';
import type { JsonObject } from '../json.js';
import { instanceKey, type Opinion, type Registration, VOICES, type Voice, voiceKey } from './record.js';
import { INSTANCES, type ServiceShelf, VOICE_DOCUMENTS } from './service-shelf.js';

/** Which instances of a name are meant: one by its id or its instance name, else all of them. */
export interface Which {
  readonly id?: number;
  readonly instance?: string;
}

/** The changes that writes are made of, drawn up from what is committed with what is queued laid over it. */
export class Drafts {
  readonly #catalogue: Catalogue;
  readonly #shelf: ServiceShelf;

  constructor(catalogue: Catalogue, shelf: ServiceShelf) {
    this.#catalogue = catalogue;
    this.#shelf = shelf;
  }

  registration(key: string): Registration | undefined {
    return this.#catalogue.valueOf(INSTANCES, key) as unknown as Registration | undefined;
  }

  /** The instances of a name that are meant, queued ones too. */
  matching(name: string, { id, instance }: Which): readonly Registration[] {
    const keys = new Set<string>();
    if (instance !== undefined) {
      keys.add(instanceKey(name, instance));
    } else {
      for (const record of this.#shelf.meant(name, id)) keys.add(instanceKey(name, record.instance));
      if (this.#catalogue.underWay > 0) {
        for (const key of this.#catalogue.pendingKeys(INSTANCES, instanceKey(name, ''))) keys.add(key);
      }
    }
    const matching: Registration[] = [];
    for (const key of keys) {
      const registration = this.registration(key);
      if (registration !== undefined && (id === undefined || registration.id === id))
        matching.push(registration);
    }
    return matching;
  }

  /** Whether there is room for one more instance among `limit`. */
  hasRoom(limit: number): boolean {
    const { size } = this.#shelf.records;
    if (size + this.#catalogue.underWay < limit) return true;
    let count = size;
    for (const key of this.#catalogue.pendingKeys(INSTANCES, '')) {
      if (this.#shelf.record(key) === undefined) count += this.registration(key) === undefined ? 0 : 1;
    }
    return count < limit;
  }

  /** `registration` is deeply frozen. */
  put(key: string, registration: Registration): Draft {
    // An interface says nothing that a JSON object could not.
    return { collection: INSTANCES, key, value: registration as unknown as JsonObject };
  }

  /** What it takes to remove an instance, and all that is said of it. */
  removal({ name, instance }: Registration): readonly Draft[] {
    const key = instanceKey(name, instance);
    const voices = VOICES.flatMap((voice) => this.opinion(key, voice, undefined));
    return [{ collection: INSTANCES, key, value: null }, ...voices];
  }

  /** What it takes for a voice to say this: nothing if it says so already. */
  opinion(key: string, voice: Voice, opinion: Opinion | undefined): readonly Draft[] {
    const at = voiceKey(key, voice);
    const said = this.#catalogue.valueOf(VOICE_DOCUMENTS, at) as Opinion | undefined;
    if (said?.status === opinion?.status && said?.reason === opinion?.reason) return [];
    const value =
      opinion === undefined ? null : Object.freeze({ status: opinion.status, reason: opinion.reason });
    return [{ collection: VOICE_DOCUMENTS, key: at, value }];
  }
}
