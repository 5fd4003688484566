import { deepFreeze, type Json } from '../json.js';

/** Every status and its integer on MicroReg's wire; the first three are MicroReg's own (DESIGN §4). */
export const STATUS_CODES = {
  running: 1,
  stopped: 0,
  error: -1,
  starting: 2,
  draining: 3,
  degraded: 4,
} as const;

/** What an instance can be. */
export type Status = keyof typeof STATUS_CODES;

/** Every status, from good to bad. */
export const STATUSES: readonly Status[] = [
  'running',
  'degraded',
  'starting',
  'draining',
  'error',
  'stopped',
];

const BADNESS = Object.fromEntries(STATUSES.map((status, rank) => [status, rank])) as Record<Status, number>;
const BY_CODE = new Map<number, Status>(STATUSES.map((status) => [STATUS_CODES[status], status]));

/** The status an integer on the wire means, or undefined where it means none. */
export function statusOfCode(code: number): Status | undefined {
  return BY_CODE.get(code);
}

/** One check that a registration asks for: which checker, how often, and whatever else that checker understands. */
export type CheckSpec = { readonly kind: string; readonly [option: string]: Json };

/**
 * What the voices beside the instance's own say (DESIGN §4). Each is a document of its own in the store, so that
 * observed health, which is volatile, never stands in the way of what must be durable:
 * `managed` the supervisor, `exited` its confirmed death, `check` the monitor, `lease` a missed heartbeat.
 */
export const VOICES = ['managed', 'exited', 'check', 'lease'] as const;
export type Voice = (typeof VOICES)[number];

/** What one voice says. A voice with nothing to object says nothing. */
export interface Opinion {
  readonly status: Status;
  readonly reason: string;
}

/** An opinion with the revision of the commit that brought it. */
export interface HeldOpinion extends Opinion {
  readonly revision: number;
}

/** What is stored of an instance in collection `instances`: all but the voices and what follows from them. */
export interface Registration {
  readonly id: number;
  readonly name: string;
  readonly instance: string;
  /** Without scheme or path: what can be connected to. */
  readonly host: string;
  readonly port: number;
  /** Host and port as the client wrote them, where that differs: MicroReg's methods answer these. */
  readonly given?: { readonly host: string; readonly port: number | string };
  readonly version?: string;
  readonly tags: readonly string[];
  readonly meta: { readonly [key: string]: string };
  /** Share of the calls this instance should get, against its peers; 1 unless it was told. */
  readonly weight: number;
  readonly zone?: string;
  /** The instance stays while it heartbeats at least this often, in milliseconds. */
  readonly ttlMs?: number;
  readonly checks: readonly CheckSpec[];
  /** Who registered it: a door, or the supervisor. */
  readonly owner: string;
  /** The stable id of the server that checks, expires and spawns the instance. */
  readonly home: string;
  /** What the instance says of itself. */
  readonly reported: Status;
  /** Wall time in milliseconds. */
  readonly registeredAt: number;
  readonly updatedAt: number;
}

/** What ServiceDB keeps of one instance. Deeply frozen. */
export interface ServiceRecord extends Registration {
  /** The worst of what the voices say. */
  readonly status: Status;
  /** Why it is not running, from the voice that decided; '' when it is. */
  readonly reason: string;
  /** What the supervisor says, and what checks and leases say, where they say anything. */
  readonly managed?: Status;
  readonly observed?: Status;
  readonly voices?: { readonly [voice in Voice]?: HeldOpinion };
  /** The last commit that changed any of this. */
  readonly revision: number;
  /** The last commit that changed the registration itself, not only a voice. */
  readonly registrationRevision: number;
}

/** The worse of two statuses. */
export function worse(a: Status, b: Status): Status {
  return BADNESS[a] >= BADNESS[b] ? a : b;
}

/** The key of an instance in the store. Neither part may hold U+0000, which the schema sees to. */
export function instanceKey(name: string, instance: string): string {
  return `${name}\u0000${instance}`;
}

/** The key of one voice's document. */
export function voiceKey(key: string, voice: Voice): string {
  return `${key}\u0000${voice}`;
}

/** The instance key and the voice in a voice's key. */
export function splitVoiceKey(key: string): { instance: string; voice: Voice } {
  const at = key.lastIndexOf('\u0000');
  return { instance: key.slice(0, at), voice: key.slice(at + 1) as Voice };
}

/** Whether an instance of this status may be called. */
export function isCallable(status: Status): boolean {
  return status === 'running' || status === 'degraded';
}

/**
 * Whether an instance that could else be called has fallen silent: a missed lease or a failing check, and neither a
 * confirmed death nor what it or the supervisor said of it (DESIGN §4).
 */
export function isSilent({ reported, managed = 'running', observed }: ServiceRecord): boolean {
  return (
    observed !== undefined && worse(observed, 'error') === observed && isCallable(worse(reported, managed))
  );
}

/** Puts a registration and its voices together, and works out the effective status. The result is frozen. */
export function mergeRecord(
  registration: Registration,
  registrationRevision: number,
  voices: { readonly [voice in Voice]?: HeldOpinion } | undefined,
  revision: number,
): ServiceRecord {
  const { reported } = registration;
  // One literal, since spreading the registration into it would double the cost of a register.
  const record: Writable<ServiceRecord> = {
    id: registration.id,
    name: registration.name,
    instance: registration.instance,
    host: registration.host,
    port: registration.port,
    tags: registration.tags,
    meta: registration.meta,
    weight: registration.weight,
    checks: registration.checks,
    owner: registration.owner,
    home: registration.home,
    reported,
    registeredAt: registration.registeredAt,
    updatedAt: registration.updatedAt,
    status: reported,
    reason: reported === 'running' ? '' : 'reported by the instance',
    revision,
    registrationRevision,
  };
  copyOptional(record, registration);
  if (voices === undefined) return Object.freeze(record);

  const { managed, exited, check, lease } = voices;
  const hear = (opinion: HeldOpinion | undefined) => {
    if (opinion === undefined || worse(record.status, opinion.status) === record.status) return;
    record.status = opinion.status;
    record.reason = opinion.reason;
  };
  hear(managed);
  hear(exited);
  // While it is starting, a check that fails says nothing new.
  if (record.status !== 'starting') hear(check);
  hear(lease);
  const managedStatus = worstOf(managed, exited);
  const observedStatus = worstOf(check, lease);
  if (managedStatus !== undefined) record.managed = managedStatus;
  if (observedStatus !== undefined) record.observed = observedStatus;
  record.voices = Object.freeze(voices);
  return Object.freeze(record);
}

const NOTHING: readonly never[] = Object.freeze([]);
const NO_META: { readonly [key: string]: string } = Object.freeze({});

/**
 * Freezes what is within a registration that comes from a store, which becomes part of a record. Most have no checks and
 * many no tags: one empty list serves them all.
 */
export function freezeParts(registration: Registration): void {
  const parts = registration as Writable<Registration>;
  parts.tags = parts.tags.length === 0 ? NOTHING : Object.freeze(parts.tags);
  parts.checks = parts.checks.length === 0 ? NOTHING : deepFreeze(parts.checks);
  parts.meta = isEmpty(parts.meta) ? NO_META : Object.freeze(parts.meta);
  if (parts.given !== undefined) Object.freeze(parts.given);
}

function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}

function worstOf(a: Opinion | undefined, b: Opinion | undefined): Status | undefined {
  if (a === undefined || b === undefined) return (a ?? b)?.status;
  return worse(a.status, b.status);
}

type Writable<T> = { -readonly [member in keyof T]: T[member] };

type OptionalParts = Pick<Registration, 'given' | 'version' | 'zone' | 'ttlMs'>;

/** What an instance is registered with; what it lacks may be undefined. */
export type RegistrationParts = Omit<Registration, keyof OptionalParts> & {
  readonly [part in keyof OptionalParts]?: Registration[part] | undefined;
};

/** A member that a registration lacks is left out, not undefined. */
function copyOptional(to: Writable<OptionalParts>, from: RegistrationParts): void {
  if (from.given !== undefined) to.given = from.given;
  if (from.version !== undefined) to.version = from.version;
  if (from.zone !== undefined) to.zone = from.zone;
  if (from.ttlMs !== undefined) to.ttlMs = from.ttlMs;
}

/**
 * The registration itself, of a record or of whatever else has its members, without what follows from the voices.
 * Frozen; what is within it is so already.
 */
export function registrationOf(from: RegistrationParts): Registration {
  const registration: Writable<Registration> = {
    id: from.id,
    name: from.name,
    instance: from.instance,
    host: from.host,
    port: from.port,
    tags: from.tags,
    meta: from.meta,
    weight: from.weight,
    checks: from.checks,
    owner: from.owner,
    home: from.home,
    reported: from.reported,
    registeredAt: from.registeredAt,
    updatedAt: from.updatedAt,
  };
  copyOptional(registration, from);
  return Object.freeze(registration);
}
