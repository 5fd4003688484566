import { andThen, type ServiceDB } from '../../../../core/index.js';
import type { EncodedValue, PreparedAnswer } from '../values.js';
import { ListWriter, prepareAnswer } from '../writer.js';
import { answerLimits } from './answers.js';
import type { Context } from './context.js';
import { instanceXml } from './instance-xml.js';
import { lookupMany } from './long-reads.js';
import { checkQuery } from './query.js';
import type { Run } from './types.js';

/** A service with more instances is looked up in turns: each may take 2 ms, with as much meta as it may have. */
const LOOKED_UP_AT_ONCE = 20;
/** An answer with fewer is written in little more time than it takes to find it here, so that keeping it is not worth its place. */
const FEWEST_KEPT = 8;
/** Characters of all answers that are kept. */
const MOST_KEPT = 16 * 1024 * 1024;

/** What runs `lookup`. What is asked for again and again, and has not changed, is written once. */
export function createLookup({ services, turns, maxAnswer }: Context): Run<'lookup'> {
  const limits = answerLimits(maxAnswer);
  const kept = new KeptAnswers(services);
  return ([name, sent], caller) => {
    const query = sent && checkQuery(sent);
    const known = query === undefined ? kept.get(name) : undefined;
    if (known !== undefined) return known;
    const atOnce = query === undefined ? LOOKED_UP_AT_ONCE : services.strideOf(query);
    if (services.countOf(name) > Math.min(LOOKED_UP_AT_ONCE, atOnce)) {
      const revision = services.lastChange(name);
      // What is stale when it begins may cease to be while it is written.
      const isToKeep = query === undefined && !services.isMassSilent;
      const read = turns.run(() => lookupMany(services, name, query, limits), caller);
      return isToKeep ? andThen(read, (answer) => kept.keep(name, revision, answer)) : read;
    }
    const { records, stale } = services.lookup(name, query);
    const list = new ListWriter(limits);
    for (const record of records) list.addXml(instanceXml(record));
    for (const record of stale) list.addXml(instanceXml(record, true));
    const answer = list.end();
    if (query !== undefined || records.length < FEWEST_KEPT) return answer;
    return kept.keep(name, services.lastChange(name), answer);
  };
}

/** The last answers of services with many instances, for as long as nothing of these changes. The oldest one goes first. */
class KeptAnswers {
  readonly #services: ServiceDB;
  readonly #answers = new Map<string, { readonly revision: number; readonly answer: PreparedAnswer }>();
  #length = 0;

  constructor(services: ServiceDB) {
    this.#services = services;
  }

  get(name: string): PreparedAnswer | undefined {
    const kept = this.#answers.get(name);
    if (kept === undefined) return undefined;
    // In mass silence instances become stale, and cease to be, without a change.
    if (kept.revision === this.#services.lastChange(name) && !this.#services.isMassSilent) return kept.answer;
    this.#drop(name);
    return undefined;
  }

  /** Keeps an answer, unless something has changed since that revision. */
  keep(name: string, revision: number, answer: EncodedValue): EncodedValue {
    if (revision !== this.#services.lastChange(name) || this.#services.isMassSilent) return answer;
    this.#drop(name);
    const prepared = prepareAnswer(answer);
    this.#answers.set(name, { revision, answer: prepared });
    this.#length += prepared.xml.length;
    for (const oldest of this.#answers.keys()) {
      if (this.#length <= MOST_KEPT) break;
      this.#drop(oldest);
    }
    return prepared;
  }

  #drop(name: string): void {
    this.#length -= this.#answers.get(name)?.answer.xml.length ?? 0;
    this.#answers.delete(name);
  }
}
