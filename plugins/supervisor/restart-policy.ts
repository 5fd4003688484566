/** What a place for an instance can be in; the names are Supervisor's (supervisord.org/subprocess.html). */
export const PROCESS_STATES = ['STARTING', 'RUNNING', 'BACKOFF', 'STOPPING', 'EXITED', 'FATAL'] as const;
export type ProcessState = (typeof PROCESS_STATES)[number];

/** When a program that died is started again, and when no more. Times in milliseconds. */
export interface RestartPolicy {
  /** The longest pause after the first death; it doubles with each further one. */
  readonly delayMs: number;
  /** The longest pause of all. */
  readonly maxMs: number;
  /** This many deaths within `windowMs`, none after a stable run, are too many. */
  readonly attempts: number;
  readonly windowMs: number;
  /** A run of this length clears the record. */
  readonly stableMs: number;
}

/** All that the policy remembers of one place. */
export interface RestartState {
  readonly process: ProcessState;
  /** Deaths, and starts that failed, since it last was stable: what the pause grows with. */
  readonly deaths: number;
  /** When it died, those within the window; in monotonic time without the time it took to start. */
  readonly diedAt: readonly number[];
  /** When the present process state began. */
  readonly since: number;
  /** Time spent STARTING since it last was stable: a slow start is not held against the window. */
  readonly startingMs: number;
  /** Why it is as it is; '' when there is nothing to say. */
  readonly reason: string;
}

export type RestartEvent =
  /** It is being started. Only from EXITED. */
  | { readonly type: 'start' }
  /** Its ready check passed. */
  | { readonly type: 'ready' }
  /** It is told to stop. */
  | { readonly type: 'stop' }
  /** It has ended, or could not be started. Blameless: the registry's own fault, such as a full disk, which ends in no FATAL. */
  | { readonly type: 'ended'; readonly reason: string; readonly isBlameless: boolean }
  /** The pause is over, or the operator starts anew. Only from BACKOFF and FATAL. */
  | { readonly type: 'again' };

/** Nothing runs, and nothing is held against it. */
export const NOT_STARTED: RestartState = Object.freeze({
  process: 'EXITED',
  deaths: 0,
  diedAt: [],
  since: 0,
  startingMs: 0,
  reason: '',
});

/**
 * What becomes of a place: its next state and, in BACKOFF, the pause before `again`. Pure: time (monotonic) and chance
 * are handed in. An event that means nothing in the present state changes nothing.
 */
export function nextRestart(
  state: RestartState,
  event: RestartEvent,
  now: number,
  random: number,
  policy: RestartPolicy,
): { readonly state: RestartState; readonly delayMs: number } {
  const to = (changes: Partial<RestartState>) => ({
    state: { ...state, since: now, ...changes },
    delayMs: 0,
  });
  const { process } = state;
  switch (event.type) {
    case 'start':
      return process === 'EXITED' ? to({ process: 'STARTING' }) : unchanged(state);
    case 'ready':
      if (process !== 'STARTING') return unchanged(state);
      return to({ process: 'RUNNING', startingMs: state.startingMs + now - state.since, reason: '' });
    case 'stop':
      if (process !== 'STARTING' && process !== 'RUNNING') return unchanged(state);
      return to({ process: 'STOPPING' });
    case 'again':
      if (process === 'BACKOFF') return to({ process: 'EXITED' });
      return process === 'FATAL' ? { state: { ...NOT_STARTED, since: now }, delayMs: 0 } : unchanged(state);
    case 'ended':
      if (process === 'STOPPING') return to({ process: 'EXITED', reason: event.reason });
      if (process !== 'STARTING' && process !== 'RUNNING') return unchanged(state);
      return afterDeath(state, event, now, random, policy);
  }
}

function afterDeath(
  state: RestartState,
  { reason, isBlameless }: { readonly reason: string; readonly isBlameless: boolean },
  now: number,
  random: number,
  { delayMs, maxMs, attempts, windowMs, stableMs }: RestartPolicy,
) {
  const ranMs = now - state.since;
  const wasStable = state.process === 'RUNNING' && ranMs >= stableMs;
  const { deaths: former, diedAt, startingMs } = wasStable ? NOT_STARTED : state;
  const starting = state.process === 'STARTING' ? startingMs + ranMs : startingMs;
  const at = now - starting;
  const deaths = former + 1;
  const within = diedAt.filter((earlier) => earlier > at - windowMs);
  if (!isBlameless) within.push(at);
  const after = { ...state, since: now, deaths, diedAt: within, startingMs: starting, reason };
  if (within.length >= attempts) {
    const times = attempts === 1 ? 'it died' : `it died ${attempts} times within ${windowMs} ms`;
    const why = `${times} and never ran for ${stableMs} ms; the last time: ${reason}`;
    return { state: { ...after, process: 'FATAL' as const, reason: why }, delayMs: 0 };
  }
  // Full jitter: many that died of one cause must not come back in step (AWS, "Exponential Backoff And Jitter").
  const longest = Math.min(maxMs, delayMs * 2 ** Math.min(deaths - 1, 30));
  return { state: { ...after, process: 'BACKOFF' as const }, delayMs: random * longest };
}

function unchanged(state: RestartState) {
  return { state, delayMs: 0 };
}
