import { type ServiceRecord, STATUSES, type Status } from '../../core/index.js';

const BADNESS = new Map(STATUSES.map((status, rank) => [status, rank]));

function worse(a: Status, b: Status | undefined): Status {
  return b !== undefined && (BADNESS.get(b) as number) > (BADNESS.get(a) as number) ? b : a;
}

/** The effective status as DESIGN §4 has it: the worst of all voices, but that checks don't count while it is starting. */
export function statusOf({ reported, voices = {} }: ServiceRecord): Status {
  const { managed, exited, check, lease } = voices;
  const status = worse(worse(reported, managed?.status), exited?.status);
  return worse(status === 'starting' ? status : worse(status, check?.status), lease?.status);
}

/** Whether it may be called. */
export function isAtWork(status: Status): boolean {
  return status === 'running' || status === 'degraded';
}

/** Whether it is only its silence that keeps it from being called. */
export function isSilent(record: ServiceRecord | undefined): boolean {
  if (record === undefined) return false;
  const { reported, voices = {} } = record;
  const isError = voices.check?.status === 'error' || voices.lease?.status === 'error';
  return isError && isAtWork(worse(reported, voices.managed?.status)) && voices.exited === undefined;
}

/** Whether its checks hold it degraded because it swings. */
export function isHeld({ voices }: ServiceRecord): boolean {
  return voices?.check?.reason.startsWith('flapping') === true;
}

/** Whether the same is said of both. */
export function sameVoices({ voices: a = {} }: ServiceRecord, { voices: b = {} }: ServiceRecord): boolean {
  return (['managed', 'exited', 'check', 'lease'] as const).every(
    (voice) => a[voice]?.status === b[voice]?.status && a[voice]?.reason === b[voice]?.reason,
  );
}
