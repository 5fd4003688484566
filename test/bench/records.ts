/** A record with the fields that a registry of services keeps of one instance. */
export interface Instance {
  readonly id: number;
  readonly name: string;
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly tags: readonly string[];
  readonly registeredAt: number;
  readonly [field: string]: unknown;
}

/** How many records share a name. */
export const A_NAME = 20;
/** How many instances a service has where a registry is asked for it. */
export const A_SERVICE = 4;

const FIRST_REGISTERED_AT = 1_700_000_000_000;

/** Records as text, so that each contender parses strings of its own, as from a network or a file. */
export function recordLines(count: number): string[] {
  return Array.from({ length: count }, (_, at) => JSON.stringify(recordOf(at, count)));
}

/** The record at a place; `count` of them have `count / A_NAME` names, which come round and round. */
export function recordOf(at: number, count: number): Instance {
  const { name, instance } = keyOf(at, count);
  const [host = '', port = ''] = instance.split(':');
  return {
    id: at + 1,
    name,
    instance,
    host,
    port: Number(port),
    status: 'running',
    version: '1.4.2',
    tags: ['blue', rackOf(at % (count / A_NAME))],
    meta: { team: 'payments' },
    weight: 1,
    zone: 'eu-west-1a',
    ttlMs: 30000,
    checks: [],
    owner: 'xml-rpc',
    home: 'server-1',
    reported: 'running',
    reason: '',
    registeredAt: registeredAtOf(at),
    updatedAt: registeredAtOf(at),
    revision: at + 1,
  };
}

/** The key alone of that record. */
export function keyOf(at: number, count: number): Pick<Instance, 'name' | 'instance'> {
  const host = `10.${(at >> 16) & 255}.${(at >> 8) & 255}.${at & 255}`;
  return { name: nameOf(at % (count / A_NAME)), instance: `${host}:${9000 + (at % 1000)}` };
}

/** Of the same length for all, and too long for V8 to intern while it parses, which would save one side the hashing. */
export function nameOf(number: number): string {
  return `service-${String(number).padStart(6, '0')}`;
}

/** A tag that {@link A_NAME} records have. */
export function rackOf(number: number): string {
  return `rack-${String(number).padStart(5, '0')}`;
}

/** Rises by one from record to record, so that a range of any length answers as many. */
export function registeredAtOf(at: number): number {
  return FIRST_REGISTERED_AT + at;
}

/** Numbers below `below`, the same ones in every run. */
export function shuffledNumbers(length: number, below: number, seed = 1): Uint32Array {
  let state = seed;
  return Uint32Array.from({ length }, () => {
    // xorshift32, whose low bits are as good as any.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  });
}
