import type { PluginApi, RecordChange, ServiceRecord } from '../../../../core/index.js';
import { instanceXml } from '../methods/instance-xml.js';
import type { ChangeStruct, ChangesStruct } from '../methods/types.js';
import { EncodedValue, type PreparedAnswer } from '../values.js';
import { encodeValue, prepareAnswer } from '../writer.js';

/** One answer holds at most so many changes, */
const MOST_CHANGES = 1_000;
/** and so many characters of them, or fewer where the door has shorter answers: a thousand ordinary ones take half of it. */
const MOST_LENGTH = 2 * 1024 * 1024;

/** An answer with changes, or with word that they are not all known, and who may be given it. */
export interface NewsAnswer {
  readonly answer: PreparedAnswer;
  /** How many changes were written for it. */
  readonly written: number;
  /** It is the answer for every revision from this one on, */
  readonly from: number;
  /** and before this one. */
  readonly before: number;
}

/** Writes the answers of `wait_for_change`, each once for all who are to have it. */
export class ChangeAnswers {
  readonly #services: PluginApi['services'];
  readonly #mostLength: number;
  #reset: { readonly cursor: string; readonly answer: PreparedAnswer } | undefined;
  #nothing: { readonly revision: number; readonly answer: PreparedAnswer } | undefined;

  constructor(services: PluginApi['services'], maxAnswer: number) {
    this.#services = services;
    this.#mostLength = Math.min(MOST_LENGTH, maxAnswer);
  }

  /** Read the records anew, and go on from here. */
  reset(): PreparedAnswer {
    const { cursor } = this.#services;
    if (this.#reset?.cursor !== cursor) {
      this.#reset = { cursor, answer: prepare({ cursor, changes: [], reset: true }) };
    }
    return this.#reset.answer;
  }

  /** Nothing has come up to this revision; without one, up to now. */
  nothing(revision?: number): PreparedAnswer {
    const upTo = revision ?? this.#services.revision;
    if (this.#nothing?.revision !== upTo) {
      const cursor = this.#services.cursorOf(upTo);
      this.#nothing = { revision: upTo, answer: prepare({ cursor, changes: [], reset: false }) };
    }
    return this.#nothing.answer;
  }

  /** What came to a name, or to any, after a revision. */
  news(since: number, name: string | undefined): NewsAnswer {
    // Too much to tell at once is told in parts, down to a commit a time; and a commit that is too much, not at all.
    for (let limit = MOST_CHANGES; limit >= 1; ) {
      const stretch = this.#services.changesAfter(since, { name, limit });
      if (stretch === undefined || stretch.changes.length > MOST_CHANGES) break;
      const { changes, isWhole } = writeChanges(stretch.changes, this.#mostLength);
      if (!isWhole) {
        // A commit alone would come again whatever the limit.
        if (stretch.changes.length > limit) break;
        limit = Math.min(limit >> 1, Math.max(1, changes.length));
        continue;
      }
      const cursor = this.#services.cursorOf(stretch.revision);
      const answer = prepare({ cursor, changes, reset: false });
      return { answer, written: changes.length, from: stretch.from, before: stretch.first };
    }
    return { answer: this.reset(), written: 0, from: since, before: since + 1 };
  }
}

function prepare(answer: Omit<ChangesStruct, 'changes'> & { changes: readonly EncodedValue[] }) {
  return prepareAnswer(answer);
}

/**
 * What became of each instance, in the order of the last change of each; where it is too long, as much as fits. They are told
 * apart by their ids: registered anew after it was removed, an instance is another one with the same key.
 */
function writeChanges(
  changes: readonly RecordChange[],
  mostLength: number,
): { readonly changes: readonly EncodedValue[]; readonly isWhole: boolean } {
  const last = new Map<number, { kind: ChangeStruct['kind']; record: ServiceRecord }>();
  for (const { record, previous } of changes) {
    if (previous !== undefined && previous.id !== record?.id) {
      // Told also of one that came in this stretch: who read the records meanwhile knows it.
      last.delete(previous.id);
      last.set(previous.id, { kind: 'unregistered', record: previous });
    }
    if (record !== undefined) {
      const isNew = previous?.id !== record.id || last.get(record.id)?.kind === 'registered';
      last.delete(record.id);
      last.set(record.id, { kind: isNew ? 'registered' : 'changed', record });
    }
  }
  const written: EncodedValue[] = [];
  let length = 0;
  for (const { kind, record } of last.values()) {
    const change = encodeValue({ kind, instance: new EncodedValue(instanceXml(record)) });
    length += change.xml.length;
    if (length > mostLength) return { changes: written, isWhole: false };
    written.push(change);
  }
  return { changes: written, isWhole: true };
}
