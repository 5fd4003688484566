import { type ServiceRecord, STATUS_CODES } from '../../../../core/index.js';
import type { InstanceStruct } from './types.js';

/** One instance as the methods of this door answer it. */
export function instanceStruct(record: ServiceRecord): InstanceStruct {
  return {
    id: record.id,
    name: record.name,
    instance: record.instance,
    host: record.host,
    port: record.port,
    status: STATUS_CODES[record.status],
    reason: record.reason,
    ...(record.version !== undefined && { version: record.version }),
    tags: record.tags,
    meta: record.meta,
    weight: record.weight,
    ...(record.zone !== undefined && { zone: record.zone }),
    ...(record.ttlMs !== undefined && { ttl: record.ttlMs }),
    owner: record.owner,
    registered_at: new Date(record.registeredAt),
    updated_at: new Date(record.updatedAt),
  };
}
