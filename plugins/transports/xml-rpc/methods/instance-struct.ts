import {
  type CheckReport,
  type Opinion,
  type ServiceDB,
  type ServiceRecord,
  STATUS_CODES,
} from '../../../../core/index.js';
import type { CheckStruct, DescribedInstance, InstanceStruct, VoiceStruct, VoicesStruct } from './types.js';
import { withoutNulls } from './without-nulls.js';

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

/** One instance with all that the registry knows of it. `reports` say how its checks fare, where any are run. */
export function describedInstance(
  record: ServiceRecord,
  services: Pick<ServiceDB, 'isStale' | 'leaseLeftMs'>,
  reports: readonly CheckReport[],
): DescribedInstance {
  const leaseLeft = services.leaseLeftMs(record);
  const checks: readonly CheckReport[] =
    reports.length > 0 ? reports : record.checks.map((spec) => ({ kind: spec.kind, spec }));
  return {
    ...instanceStruct(record),
    stale: services.isStale(record),
    ...(leaseLeft !== undefined && { lease_left: Math.round(leaseLeft) }),
    checks: checks.map(checkStruct),
    voices: voicesStruct(record),
    home: record.home,
    revision: String(record.revision),
  };
}

function checkStruct({ kind, spec, verdict, at, failures, problem }: CheckReport): CheckStruct {
  return {
    kind,
    spec: withoutNulls(spec) as CheckStruct['spec'],
    ...(verdict !== undefined && {
      status: STATUS_CODES[verdict.status],
      output: verdict.output,
      latency: verdict.latencyMs,
    }),
    ...(at !== undefined && { at: new Date(at) }),
    ...(failures !== undefined && { failures }),
    ...(problem !== undefined && { problem }),
  };
}

function voicesStruct({ reported, voices = {} }: ServiceRecord): VoicesStruct {
  return {
    reported: { status: STATUS_CODES[reported], reason: '' },
    ...(voices.managed && { managed: voiceStruct(voices.managed) }),
    ...(voices.exited && { exited: voiceStruct(voices.exited) }),
    ...(voices.check && { check: voiceStruct(voices.check) }),
    ...(voices.lease && { lease: voiceStruct(voices.lease) }),
  };
}

function voiceStruct({ status, reason }: Opinion): VoiceStruct {
  return { status: STATUS_CODES[status], reason };
}
