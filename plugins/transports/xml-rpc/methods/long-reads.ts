import type { ServiceDB, ServiceRecord } from '../../../../core/index.js';
import type { LongRead } from '../turns.js';
import type { EncodedValue } from '../values.js';
import { ListWriter, type WriterLimits } from '../writer.js';
import { answerTooLarge } from './answers.js';
import { instanceXml } from './instance-xml.js';
import { microRegEntry } from './microreg-entry.js';
import type { SentQuery } from './query.js';

/** How many are written between two places to pause; instances fewer: each may be as long as its meta allows. */
const STRIDE = 100;
const INSTANCES = 4;
/** Less than the least that one instance can take in what MicroReg answered. */
const LEAST_ENTRY = 60;

/** `lookup` of a service that has so many instances that it should not be answered at once. */
export function* lookupMany(
  services: ServiceDB,
  name: string,
  query: SentQuery | undefined,
  limits: WriterLimits,
): LongRead<EncodedValue> {
  const isAskedFor = query && services.matcher(query);
  const stride = query === undefined ? INSTANCES : Math.min(INSTANCES, services.strideOf(query));
  const list = new ListWriter(limits);
  const degraded: ServiceRecord[] = [];
  const stale: ServiceRecord[] = [];
  let seen = 0;
  let isAnyRunning = false;
  for (const record of services.instances(name)) {
    if (++seen % stride === 0) yield;
    if (isAskedFor?.(record) === false) continue;
    if (record.status === 'running') {
      isAnyRunning = true;
      list.addXml(instanceXml(record));
    } else if (record.status === 'degraded') {
      if (!isAnyRunning) degraded.push(record);
    } else if (services.isStale(record)) stale.push(record);
  }
  for (const record of isAnyRunning ? [] : degraded) {
    if (++seen % INSTANCES === 0) yield;
    list.addXml(instanceXml(record));
  }
  for (const record of stale) {
    if (++seen % INSTANCES === 0) yield;
    list.addXml(instanceXml(record, true));
  }
  return list.end();
}

/** `list_services`. */
export function* listServices(services: ServiceDB, limits: WriterLimits): LongRead<EncodedValue> {
  const list = new ListWriter(limits);
  let listed = 0;
  for (const service of services.names()) {
    // Its last instance may have gone during a pause.
    if (service.instances === 0) continue;
    list.add(service);
    if (++listed % STRIDE === 0) yield;
  }
  return list.end();
}

/** `get_all_service_details`, as MicroReg wrote its dictionary. */
export function* allDetails(services: ServiceDB, maxAnswer: number): LongRead<string> {
  if (services.count() * LEAST_ENTRY > maxAnswer) throw answerTooLarge(maxAnswer);
  const parts: string[] = [];
  let length = 2;
  for (const record of services.traverse()) {
    const part = microRegEntry(record);
    length += part.length + 2;
    if (length > maxAnswer) throw answerTooLarge(maxAnswer);
    parts.push(part);
    if (parts.length % STRIDE === 0) yield;
  }
  return `{${parts.join(', ')}}`;
}
