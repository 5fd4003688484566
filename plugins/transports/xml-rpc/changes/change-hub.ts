import { type Clock, type PluginApi, RegistryError, type Timer } from '../../../../core/index.js';
import type { Context } from '../methods/context.js';
import type { PreparedAnswer } from '../values.js';
import { ChangeAnswers, type NewsAnswer } from './change-answers.js';
import { Deadlines } from './deadlines.js';

/** What comes within this of a change is told together with it, and nobody is answered more often. */
const WINDOW_MS = 20;
/** So many are answered in a turn of the event loop, some 2 ms; a change that is written for an answer counts for a quarter. */
const ANSWERS_A_TURN = 100;
const CHANGES_AN_ANSWER = 4;
/** More than this waiting at once, and further ones are refused. */
const WAITERS_LIMIT = 50_000;
/** Of different answers in one round; who asks for an older one of them has it written again. */
const ANSWERS_KEPT = 16;

interface Waiter {
  readonly scope: Scope;
  /** It knows all that came to its scope up to this revision. */
  readonly since: number;
  readonly resolve: (answer: PreparedAnswer) => void;
  readonly reject: (error: unknown) => void;
  /** Where its deadline is kept. */
  deadline: Set<Waiter> | undefined;
  /** Its turn to be answered comes. */
  isDue: boolean;
  isOver: boolean;
}

/** A name that is waited for, or all of them. */
interface Scope {
  readonly name: string | undefined;
  readonly waiters: Set<Waiter>;
  /** Set while a window is open: since a change, or since the last answers. */
  window: Timer | undefined;
  /** Somebody is to be answered when the window closes. */
  hasNews: boolean;
  close(): void;
}

/** Those who are answered at one time, and what answers them. */
type Round = (waiter: Waiter) => PreparedAnswer;

/**
 * Callers that wait for a change of a name, or of any (long polls). A change opens a window; when it closes, each is
 * answered with what came since its cursor, those who know as much as each other with the same answer, and a
 * hundred in a turn of the event loop, so that other calls are not held up.
 */
export class ChangeHub {
  readonly #services: PluginApi['services'];
  readonly #clock: Clock;
  readonly #later: (run: () => void) => void;
  readonly #limit: number;
  readonly #answers: ChangeAnswers;
  readonly #scopes = new Map<string | undefined, Scope>();
  readonly #deadlines: Deadlines<Waiter>;
  #waiting = 0;
  #queue: { readonly waiter: Waiter; readonly round: Round }[] = [];
  #answered = 0;
  #isAnswering = false;
  /** What is left of this turn. */
  #room = 0;

  /** `later` runs something in a later turn of the event loop, once others had theirs. */
  constructor(
    { services, clock, maxAnswer }: Pick<Context, 'services' | 'clock' | 'maxAnswer'>,
    options: { later?: (run: () => void) => void; limit?: number } = {},
  ) {
    const { later = setImmediate, limit = WAITERS_LIMIT } = options;
    this.#services = services;
    this.#clock = clock;
    this.#later = later;
    this.#limit = limit;
    this.#answers = new ChangeAnswers(services, maxAnswer);
    this.#deadlines = new Deadlines(clock, (waiter) => this.#timedOut(waiter));
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * What came to a name, or to any, after a cursor; waits for it at most `timeoutMs`. `onGone`, called where it waits, is
   * the request's. Throws LIMIT_REACHED; rejects with what `onGone` tells where that is a RegistryError: STOPPING.
   */
  wait(
    cursor: string,
    timeoutMs: number,
    name: string | undefined,
    onGone: (tell: (reason: Error) => void) => void,
  ): PreparedAnswer | Promise<PreparedAnswer> {
    const since = this.#services.revisionOf(cursor);
    if (since === undefined) return this.#answers.reset();
    const last = this.#services.lastChange(name);
    const isNews = last > since;
    const window = this.#scopes.get(name)?.window;
    if (timeoutMs === 0 || (isNews && window === undefined)) {
      if (!isNews) return this.#answers.nothing();
      // At once, but who asks again and again is then answered no more often than the others.
      if (timeoutMs > 0) this.#openWindow(this.#scope(name));
      return this.#answers.news(since, name).answer;
    }
    if (this.#waiting >= this.#limit) {
      throw new RegistryError(
        'LIMIT_REACHED',
        `${this.#limit} callers wait for changes already; try again later, or ask with a timeout of 0.`,
      );
    }
    const scope = this.#scope(name);
    if (isNews) scope.hasNews = true;
    // All who know of the last change of the scope know as much as each other, wherever their cursors are.
    return this.#add(scope, Math.min(since, last), timeoutMs, onGone);
  }

  #add(
    scope: Scope,
    since: number,
    timeoutMs: number,
    onGone: (tell: (reason: Error) => void) => void,
  ): PreparedAnswer | Promise<PreparedAnswer> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        scope,
        since,
        resolve,
        reject,
        deadline: undefined,
        isDue: false,
        isOver: false,
      };
      waiter.deadline = this.#deadlines.add(waiter, timeoutMs);
      scope.waiters.add(waiter);
      this.#waiting += 1;
      onGone((reason) => this.#gone(waiter, reason));
    });
  }

  #scope(name: string | undefined): Scope {
    const known = this.#scopes.get(name);
    if (known !== undefined) return known;
    const scope: Scope = {
      name,
      waiters: new Set(),
      window: undefined,
      hasNews: false,
      close: () => watch.close(),
    };
    const watch = this.#services.onChange(name, () => this.#changed(scope));
    this.#scopes.set(name, scope);
    return scope;
  }

  /** A scope that nobody waits for, and whose window is closed, is let go of. */
  #tidy(scope: Scope): void {
    if (scope.waiters.size > 0 || scope.window !== undefined) return;
    if (this.#scopes.delete(scope.name)) scope.close();
  }

  #changed(scope: Scope): void {
    scope.hasNews = true;
    if (scope.window === undefined) this.#openWindow(scope);
  }

  #openWindow(scope: Scope): void {
    scope.window = this.#clock.setTimer(WINDOW_MS, () => {
      scope.window = undefined;
      if (scope.hasNews) this.#answerAll(scope);
      this.#tidy(scope);
    });
  }

  #answerAll(scope: Scope): void {
    scope.hasNews = false;
    const last = this.#services.lastChange(scope.name);
    const round = this.#newsRound(scope.name);
    for (const waiter of scope.waiters) if (waiter.since < last) this.#enqueue(waiter, round);
    if (scope.waiters.size === 0) return;
    this.#openWindow(scope);
    this.#answerSome();
  }

  /** Some have waited long enough. What is new by now is told when the window closes. */
  #timedOut(waiter: Waiter): void {
    if (this.#services.lastChange(waiter.scope.name) > waiter.since) return;
    this.#enqueue(waiter, this.#timedOutRound);
    this.#answerSome();
  }

  #enqueue(waiter: Waiter, round: Round): void {
    if (waiter.isDue) return;
    waiter.isDue = true;
    this.#queue.push({ waiter, round });
  }

  readonly #timedOutRound: Round = ({ scope, since }) =>
    // Something may have come while it was in the queue; it then asks from where it was, and gets it.
    this.#answers.nothing(this.#services.lastChange(scope.name) > since ? since : undefined);

  #newsRound(name: string | undefined): Round {
    const made: NewsAnswer[] = [];
    return ({ since }) => {
      const known = made.find(({ from, before }) => from <= since && since < before);
      if (known !== undefined) return known.answer;
      const news = this.#answers.news(since, name);
      this.#room -= news.written / CHANGES_AN_ANSWER;
      if (made.length === ANSWERS_KEPT) made.shift();
      made.push(news);
      return news.answer;
    };
  }

  #answerSome(): void {
    if (this.#isAnswering) return;
    this.#isAnswering = true;
    // Not now: where a thousand names change at once, a thousand windows close in this turn.
    this.#later(() => this.#answerTurn());
  }

  #answerTurn(): void {
    this.#room = ANSWERS_A_TURN;
    for (; this.#room > 0 && this.#answered < this.#queue.length; this.#answered++) {
      const next = this.#queue[this.#answered];
      if (next === undefined || next.waiter.isOver) continue;
      this.#room -= 1;
      this.#answer(next.waiter, next.round);
    }
    if (this.#answered < this.#queue.length) {
      this.#later(() => this.#answerTurn());
      return;
    }
    this.#queue = [];
    this.#answered = 0;
    this.#isAnswering = false;
  }

  #answer(waiter: Waiter, round: Round): void {
    try {
      waiter.resolve(round(waiter));
    } catch (error) {
      waiter.reject(error);
    }
    // Not before: what is known of its name is kept as long as it is in its scope.
    this.#end(waiter);
  }

  /** Its caller has gone, or is told to go. */
  #gone(waiter: Waiter, reason: unknown): void {
    if (waiter.isOver) return;
    this.#end(waiter);
    if (reason instanceof RegistryError) waiter.reject(reason);
    else waiter.resolve(this.#answers.nothing(waiter.since));
  }

  #end(waiter: Waiter): void {
    waiter.isOver = true;
    waiter.deadline?.delete(waiter);
    waiter.scope.waiters.delete(waiter);
    this.#waiting -= 1;
    this.#tidy(waiter.scope);
  }
}
