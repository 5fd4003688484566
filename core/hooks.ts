import type { Guard } from './guard.js';
import { NoticeHook, StepHook } from './guarded-hook.js';
import type { Json } from './json.js';
import type { Verdict } from './plugin.js';
import type { ServiceRecord } from './servicedb/record.js';
import type { RegisterRequest } from './servicedb/request.js';
import type { By } from './store.js';

/** What is true of the commit that a notification tells of. */
export interface CommitContext {
  readonly revision: number;
  readonly by: By;
  /** Whether this server made the commit; a store may also deliver those of others. */
  readonly local: boolean;
}

/** One record as a commit left it and as it was before; the one or the other is undefined at its birth and its end. */
export interface RecordChange {
  readonly record: ServiceRecord | undefined;
  readonly previous: ServiceRecord | undefined;
}

/** Many fell silent at once, or that has ended (DESIGN §4). */
export interface Silence {
  readonly isOn: boolean;
  /** How many fell silent in it and are silent still. */
  readonly silent: number;
  /** How many instances there are. */
  readonly total: number;
}

/** A caller wants a service that has no running instance. */
export interface Demand {
  readonly name: string;
  readonly waitMs: number;
  /** Says why none runs, as far as it is known by now: the last word of it stands in the error that the askers get. */
  explain(why: string): void;
}

/** One instance about to be started. A tap may amend `env` and `args`. */
export interface SpawnRequest {
  readonly service: string;
  readonly instance: string;
  readonly spawner: string;
  readonly spec: { readonly [option: string]: unknown };
  readonly env: { readonly [name: string]: string };
}

/** A started instance, or one that has ended. */
export interface ProcessEvent {
  readonly service: string;
  readonly instance: string;
  readonly pid?: number;
  /** How it ended, for `exited`. */
  readonly code?: number | null;
  readonly signal?: string | null;
  /** Whether it was told to stop. */
  readonly isExpected?: boolean;
}

/** One call at a door, for an access plugin: an answer refuses with that reason, undefined says nothing. */
export interface AccessRequest {
  readonly door: string;
  /** What the call does: read, register, status, unregister, spawn, admin. */
  readonly verb: string;
  /** The service it is about, where it is about one. */
  readonly service: string | undefined;
  readonly method: string;
  readonly remote: string;
  readonly authorization: string | undefined;
}

/** An access plugin's answer to one call. */
export type AccessAnswer =
  | { readonly allow: true; readonly who: string }
  | { readonly allow: false; readonly reason: string };

/** A call that a door has answered. */
export interface AnsweredCall {
  readonly door: string;
  readonly method: string;
  /** The fault code, or undefined when it went well. */
  readonly fault: number | string | undefined;
  readonly durationMs: number;
}

/** A check that came to a verdict, whether or not that changed anything. */
export interface VerdictEvent {
  readonly record: ServiceRecord;
  readonly kind: string;
  readonly verdict: Verdict;
}

/** A commit that the feed delivered, whatever its collection. */
export interface CommittedEvent extends CommitContext {
  readonly changes: readonly { readonly collection: string; readonly key: string; readonly value: Json }[];
}

const LIFECYCLE_MS = 30_000;
const POLICY_MS = 5_000;
/** A demand lasts as long as its asker waits, and that is bounded by the door. */
const DEMAND_MS = 300_000;

/**
 * Every hook, in the order in which they fire over a registry's life (DESIGN §5). A new one begins here.
 */
export function createHooks(guard: Guard) {
  const notice = <Args extends readonly unknown[]>(name: string, ...argumentNames: string[]) =>
    new NoticeHook<Args>(name, argumentNames, guard);
  const step = <Args extends readonly unknown[], Result = void>(
    name: string,
    options: Omit<ConstructorParameters<typeof StepHook>[1], 'timeoutMs'> & { timeoutMs?: number },
  ) => new StepHook<Args, Result>(name, { timeoutMs: LIFECYCLE_MS, ...options }, guard);

  return Object.freeze({
    /** The store is replayed and every plugin set up: adopt what runs, begin re-checks. A failure aborts the boot. */
    start: step<[]>('start', { kind: 'series', argumentNames: [], onFailure: 'HOOK_FAILED' }),
    /** Doors open. A failure aborts the boot. */
    listen: step<[]>('listen', { kind: 'series', argumentNames: [], onFailure: 'HOOK_FAILED' }),
    /** Every door is open: start what is missing. A failure is logged. */
    ready: step<[]>('ready', { kind: 'series', argumentNames: [], onFailure: 'log' }),

    /** A call at a door, before it is run. The first answer counts; a failure refuses. */
    authorize: step<[request: AccessRequest], AccessAnswer | undefined>('authorize', {
      kind: 'bail',
      argumentNames: ['request'],
      onFailure: 'UNAUTHORIZED',
      timeoutMs: POLICY_MS,
    }),
    /**
     * A request to register, before it is one: give back an amended request, or throw to refuse. It never sees replay
     * or another server's changes.
     */
    register: step<[request: RegisterRequest], RegisterRequest>('register', {
      kind: 'waterfall',
      argumentNames: ['request'],
      onFailure: 'REFUSED',
      timeoutMs: POLICY_MS,
    }),

    /** An instance is there that was not. */
    registered: notice<[record: ServiceRecord, context: CommitContext]>('registered', 'record', 'context'),
    /** An instance's effective status is another. */
    statusChanged: notice<[record: ServiceRecord, previous: ServiceRecord, context: CommitContext]>(
      'statusChanged',
      'record',
      'previous',
      'context',
    ),
    /**
     * An instance that its checks object to has registered again, and so says that it is well. Other renewals fire
     * nothing: where they bring no change they make no commit, and there are many.
     */
    renewed: notice<[record: ServiceRecord]>('renewed', 'record'),
    /** An instance is gone. */
    unregistered: notice<[record: ServiceRecord, context: CommitContext]>(
      'unregistered',
      'record',
      'context',
    ),
    /** All that one commit did to service records, after the three above. */
    changed: notice<[changes: readonly RecordChange[], context: CommitContext]>(
      'changed',
      'changes',
      'context',
    ),
    /** A commit of any collection has passed the feed. */
    committed: notice<[event: CommittedEvent]>('committed', 'event'),

    /** A check came to a verdict. */
    verdict: notice<[event: VerdictEvent]>('verdict', 'event'),
    /** Many instances fell silent at once, or that is over. */
    silence: notice<[silence: Silence]>('silence', 'silence'),

    /** A service is wanted that has no running instance: say true when one has been started. The first to do so counts. */
    demand: step<[demand: Demand], true | undefined>('demand', {
      kind: 'bail',
      argumentNames: ['demand'],
      onFailure: 'log',
      timeoutMs: DEMAND_MS,
    }),
    /** An instance is about to be started: give back an amended request, or throw, which is a failed start. */
    beforeSpawn: step<[request: SpawnRequest], SpawnRequest>('beforeSpawn', {
      kind: 'waterfall',
      argumentNames: ['request'],
      onFailure: 'HOOK_FAILED',
      timeoutMs: POLICY_MS,
    }),
    /** A program was started. */
    spawned: notice<[event: ProcessEvent]>('spawned', 'event'),
    /** A started program has ended. */
    exited: notice<[event: ProcessEvent]>('exited', 'event'),

    /** A door has answered a call. */
    answered: notice<[call: AnsweredCall]>('answered', 'call'),

    /** Doors are closed; spawners still live: stop, or leave, what was started. A failure is logged. */
    stop: step<[]>('stop', { kind: 'series', argumentNames: [], onFailure: 'log' }),
    /** The last word before plugins are disposed of. A failure is logged. */
    close: step<[]>('close', { kind: 'parallel', argumentNames: [], onFailure: 'log' }),
  });
}

export type Hooks = ReturnType<typeof createHooks>;

/** The hooks as a plugin sees them: it taps under its own name, and cannot fire. */
export type PluginHooks = {
  readonly [Name in keyof Hooks]: {
    tap(run: Parameters<Hooks[Name]['tap']>[1], options?: Parameters<Hooks[Name]['tap']>[2]): void;
    tapPromise(
      run: Parameters<Hooks[Name]['tapPromise']>[1],
      options?: Parameters<Hooks[Name]['tapPromise']>[2],
    ): void;
  };
};
