import { z } from 'zod';
import { parseArgument, RegistryError, type ServiceDB, type ServiceRecord } from '../../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from '../faults.js';
import type { LongRead } from '../turns.js';
import type { EncodedValue } from '../values.js';
import { ListWriter, type WriterLimits } from '../writer.js';
import { instanceXml } from './instance-xml.js';
import { FIND_LIMIT, SORT_LIMIT } from './limits.js';
import type { SentQuery } from './query.js';
import type { FindOptions } from './types.js';

/** How many are written between two places to pause: each may be as long as its meta allows, which takes 2 ms. */
const STRIDE = 4;

const optionsSchema = z.strictObject({
  limit: z.int().min(1).max(FIND_LIMIT).default(FIND_LIMIT),
  after: z.int().min(0).optional(),
  sort: z
    .record(z.string(), z.literal([1, -1], { error: 'expected 1 for ascending or -1 for descending' }))
    .optional(),
  skip: z.int().min(0).default(0),
});

/** The instances that `find` answers, in the order of ids or as they are to be sorted. */
export function* find(
  services: ServiceDB,
  query: SentQuery,
  options: FindOptions,
  limits: WriterLimits,
): LongRead<EncodedValue> {
  const { limit, after = 0, sort, skip } = parseArgument(optionsSchema, options);
  const list = new ListWriter(limits);
  if (sort !== undefined && Object.keys(sort).length > 0) {
    if (options.after !== undefined) throw afterWithSort();
    const sorted = yield* sortedRecords(services, query, sort);
    let written = 0;
    for (const record of sorted.slice(skip, skip + limit)) {
      list.addXml(instanceXml(record));
      if (++written % STRIDE === 0) yield;
    }
    return list.end();
  }
  let passed = 0;
  for (const record of services.search(query, after)) {
    if (record === undefined) yield;
    else if (passed++ >= skip) {
      list.addXml(instanceXml(record));
      if (passed - skip >= limit) break;
      if (passed % STRIDE === 0) yield;
    }
  }
  return list.end();
}

function* sortedRecords(
  services: ServiceDB,
  query: SentQuery,
  sort: NonNullable<FindOptions['sort']>,
): LongRead<ServiceRecord[]> {
  const compare = services.comparison(sort as { [member: string]: 1 | -1 });
  const found: ServiceRecord[] = [];
  for (const record of services.search(query)) {
    if (record === undefined) yield;
    else if (found.push(record) > SORT_LIMIT) {
      throw new RegistryError(
        'LIMIT_REACHED',
        `The query asks for more than ${SORT_LIMIT} instances, which is the most that is sorted. Ask for fewer, or leave ` +
          'sort out and page with after.',
      );
    }
  }
  return found.sort(compare);
}

function afterWithSort(): XmlRpcFault {
  return new XmlRpcFault(
    FAULT_CODES.INVALID_PARAMS,
    'find: after cannot be used with sort, since it goes on in the order of ids; leave sort out, or page with skip',
  );
}
