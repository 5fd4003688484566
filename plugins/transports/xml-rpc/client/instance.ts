import { type Status, statusOfCode } from '../../../../core/servicedb/record.js';
import type { XmlRpcValue } from '../values.js';

/** One instance of a service, as the registry knows it. Frozen. */
export interface Instance {
  /** The registry's own number for it; another registry has another. */
  readonly id: number;
  readonly name: string;
  /** What tells it from the other instances of its name. */
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  /** `host:port`, with the brackets that an IPv6 address needs. */
  readonly address: string;
  readonly status: Status;
  /** Why it is not running; empty where it is. */
  readonly reason: string;
  readonly version?: string;
  readonly tags: readonly string[];
  readonly meta: { readonly [key: string]: string };
  readonly weight: number;
  readonly zone?: string;
  readonly ttlMs?: number;
  readonly registeredAt: Date;
  readonly updatedAt: Date;
  /**
   * It is not known to run, and is shown because it may: it fell silent with many others at once, or a registry that
   * was restarted has not heard of it again.
   */
  readonly isStale: boolean;
}

type Struct = { readonly [member: string]: XmlRpcValue };

/** An instance from the struct in which methods answer it. */
export function instanceFrom(struct: Struct): Instance {
  const { host, port, version, zone, ttl } = struct;
  return Object.freeze({
    id: Number(struct.id),
    name: String(struct.name),
    instance: String(struct.instance),
    host: String(host),
    port: Number(port),
    address: String(host).includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    // A status of a later version is none that may be called.
    status: statusOfCode(Number(struct.status)) ?? 'stopped',
    reason: String(struct.reason ?? ''),
    ...(version !== undefined && { version: String(version) }),
    tags: Object.freeze((struct.tags as readonly XmlRpcValue[] | undefined)?.map(String) ?? []),
    meta: Object.freeze({ ...(struct.meta as { [key: string]: string } | undefined) }),
    weight: Number(struct.weight ?? 1),
    ...(zone !== undefined && { zone: String(zone) }),
    ...(ttl !== undefined && { ttlMs: Number(ttl) }),
    registeredAt: dateOf(struct.registered_at),
    updatedAt: dateOf(struct.updated_at),
    isStale: struct.stale === true,
  });
}

/** The same instance, stale or not. */
export function withStale(instance: Instance, isStale: boolean): Instance {
  return instance.isStale === isStale ? instance : Object.freeze({ ...instance, isStale });
}

function dateOf(value: XmlRpcValue | undefined): Date {
  return value instanceof Date ? value : new Date(0);
}
