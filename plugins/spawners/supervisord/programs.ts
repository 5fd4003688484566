import { z } from 'zod';
import { type Clock, type Exit, type Logger, messageOf, shown, type Timer } from '../../../core/index.js';
import type { Rpc } from './rpc.js';

/** Of all programs at once, as long as there is one to watch. */
const LOOK_MS = 1_000;
/** One that was told to stop is looked at sooner, some times. */
const SOON_MS = 100;
const MOST_SOON = 20;
/** Supervisord does what is due once a second. */
const AFTERMATH_LOOKS = 4;
const LAST_RETRY_MS = 15_000;

/** What getProcessInfo says of a program (supervisord's API reference): what is used of it. */
const processInfo = z.object({
  name: z.string(),
  group: z.string(),
  /** When it was last started: seconds since 1970. A clock that is put back makes it smaller, never greater. */
  start: z.number(),
  state: z.number(),
  statename: z.string(),
  spawnerr: z.string(),
  exitstatus: z.number(),
  /** 0 where it does not run. */
  pid: z.number(),
  description: z.string(),
});
export type ProcessInfo = z.output<typeof processInfo>;

/** One run of a program. */
export interface Run {
  /** `group:name`. */
  readonly program: string;
  readonly pid: number;
  readonly start: number;
}

interface Watched {
  readonly run: Run;
  readonly tell: (exit: Exit) => void;
}

/** The programs of one supervisord, and the watch for their ends. */
export class Programs {
  readonly rpc: Rpc;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #watched = new Set<Watched>();
  /** Programs that ended, and how often they are still looked at. */
  readonly #aftermath = new Map<string, number>();
  #starts = 0;
  #timer: Timer | undefined;
  #soon = 0;
  #failures = 0;
  #isLooking = false;
  #isClosed = false;

  constructor(rpc: Rpc, clock: Clock, logger: Logger) {
    this.rpc = rpc;
    this.#clock = clock;
    this.#logger = logger;
  }

  async info(program: string): Promise<ProcessInfo> {
    return processInfo.parse(await this.rpc.call('getProcessInfo', program));
  }

  /** Does what starts a program. */
  async starting<T>(work: () => Promise<T>): Promise<T> {
    this.#starts += 1;
    try {
      return await work();
    } finally {
      this.#starts -= 1;
    }
  }

  /** Resolves once that run has ended. */
  ended(run: Run): Promise<Exit> {
    return new Promise((resolve) => {
      this.#watched.add({ run, tell: resolve });
      this.#arm();
    });
  }

  /** Looks for ends sooner than it would. */
  hasten(): void {
    this.#soon = MOST_SOON;
    if (this.#isLooking || this.#failures > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#isClosed || this.#isLooking) return;
    if (this.#watched.size === 0 && this.#aftermath.size === 0) return;
    const usual = this.#soon > 0 ? SOON_MS : LOOK_MS;
    const delayMs = Math.min(usual * 2 ** this.#failures, LAST_RETRY_MS);
    this.#timer ??= this.#clock.setTimer(delayMs, () => this.#look());
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    this.#isLooking = true;
    this.#soon = Math.max(this.#soon - 1, 0);
    // What is begun while the answer is on its way is not in it.
    const begun = [...this.#watched];
    try {
      const all = z.array(processInfo).parse(await this.rpc.call('getAllProcessInfo'));
      const infos = new Map(all.map((info) => [programOf(info), info]));
      for (const watched of begun) this.#compare(watched, infos.get(watched.run.program));
      // One that is being started now is nobody's, until its start has ended.
      if (this.#starts === 0) this.#lookAfter(infos);
      if (this.#failures > 0) this.#logger.info({}, `supervisord "${this.rpc.name}" answers again.`);
      this.#failures = 0;
    } catch (error) {
      // That it does not answer says nothing of its programs.
      const why = messageOf(error).replace(/\.$/, '');
      if (this.#failures === 0) {
        this.#logger.warn({ err: error }, `${why}. What it runs is taken to run on.`);
      }
      this.#failures = Math.min(this.#failures + 1, 16);
    }
    this.#isLooking = false;
    this.#arm();
  }

  #compare(watched: Watched, info: ProcessInfo | undefined): void {
    if (info !== undefined && isRun(watched.run, info)) return;
    this.#watched.delete(watched);
    this.#aftermath.set(watched.run.program, AFTERMATH_LOOKS);
    watched.tell(exitOf(watched.run, info));
  }

  /** After an end supervisord may start the program again by itself, though it takes its time. */
  #lookAfter(infos: ReadonlyMap<string, ProcessInfo>): void {
    for (const [program, looks] of this.#aftermath) {
      const info = infos.get(program);
      const isOurs =
        info !== undefined &&
        [...this.#watched].some(({ run }) => run.program === program && isRun(run, info));
      const isFight = info !== undefined && !isOurs && isFought(info);
      if (isOurs || isFight || looks <= 1) this.#aftermath.delete(program);
      else this.#aftermath.set(program, looks - 1);
      if (isFight) this.#endFight(info);
    }
  }

  /** Supervisord starts it again by itself. There is one who decides that: the registry's supervisor. */
  async #endFight(info: ProcessInfo): Promise<void> {
    const program = programOf(info);
    const advice =
      'Set autorestart=false, startretries=0 and startsecs=0 of it in the configuration of supervisord';
    this.#logger.warn(
      { program },
      `supervisord "${this.rpc.name}" starts ${program} again by itself (${info.statename}: ${shown(info.description, 128)}), and is told to stop it. ${advice}.`,
    );
    await this.rpc.call('stopProcess', program, false).catch((error) => {
      this.#logger.warn({ err: error }, `${program} could not be stopped: ${messageOf(error)}`);
    });
  }
}

/** Supervisord's number of that state. */
export const EXITED = 100;

export function programOf({ group, name }: ProcessInfo): string {
  return `${group}:${name}`;
}

/** Whether a program still has the run that was begun as this one. */
export function isRun({ pid, start }: Run, info: ProcessInfo): boolean {
  return info.pid === pid && info.start <= start;
}

/** STARTING, RUNNING, BACKOFF: supervisord's numbers of its states. */
function isFought({ state }: ProcessInfo): boolean {
  return state === 10 || state === 20 || state === 30;
}

/** It keeps the code of the last run only, -1 where a signal ended it and not which. */
export function exitOf({ start }: Run, info: ProcessInfo | undefined): Exit {
  const isKnown =
    info !== undefined &&
    info.pid === 0 &&
    info.start > 0 &&
    info.start <= start &&
    (info.state === EXITED || info.state === 0);
  return { code: isKnown && info.exitstatus >= 0 ? info.exitstatus : null, signal: null };
}
