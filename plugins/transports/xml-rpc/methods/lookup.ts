import { andThen, KeptByRevision } from '../../../../core/index.js';
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
  const kept = new KeptByRevision<PreparedAnswer>(MOST_KEPT);
  const lastChange = (name: string) => services.lastChange(name);
  const keep = (name: string, revision: number, answer: EncodedValue): EncodedValue => {
    // It was written in turns, and something may have changed meanwhile.
    if (revision !== lastChange(name) || services.isMassSilent) return answer;
    const prepared = prepareAnswer(answer);
    kept.keep(name, revision, prepared, prepared.xml.length);
    return prepared;
  };
  return ([name, sent], caller) => {
    const query = sent && checkQuery(sent);
    // In mass silence instances become stale, and cease to be, without a change.
    const known = query === undefined && !services.isMassSilent ? kept.get(name, lastChange) : undefined;
    if (known !== undefined) return known;
    const atOnce = query === undefined ? LOOKED_UP_AT_ONCE : services.strideOf(query);
    if (services.countOf(name) > Math.min(LOOKED_UP_AT_ONCE, atOnce)) {
      const revision = services.lastChange(name);
      // What is stale when it begins may cease to be while it is written.
      const isToKeep = query === undefined && !services.isMassSilent;
      const read = turns.run(() => lookupMany(services, name, query, limits), caller);
      return isToKeep ? andThen(read, (answer) => keep(name, revision, answer)) : read;
    }
    const { records, stale } = services.lookup(name, query);
    const list = new ListWriter(limits);
    for (const record of records) list.addXml(instanceXml(record));
    for (const record of stale) list.addXml(instanceXml(record, true));
    const answer = list.end();
    if (query !== undefined || records.length < FEWEST_KEPT) return answer;
    return keep(name, lastChange(name), answer);
  };
}
