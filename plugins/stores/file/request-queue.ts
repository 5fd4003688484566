import { type Commit, type CommitOutcome, KeyMap } from '../../../core/index.js';

/** More than this waiting for the disk, and more are refused. */
export const REQUEST_LIMIT = 10_000;
export const CHARS_LIMIT = 64_000_000;

/** A commit, or a block of ids, on its way to the disk. A class: object literals with a spread cost far more. */
export class Request {
  readonly commit: Commit | undefined;
  /** The commit, encoded, until it is written. */
  text: string;
  readonly ids: number;
  readonly since: number;
  /** The first id of the block, once it is known. */
  firstId = 0;
  /** How it ends. */
  readonly outcome: Promise<CommitOutcome>;
  /** Undefined once it is answered. */
  answer: ((outcome: CommitOutcome) => void) | undefined;

  constructor(commit: Commit | undefined, text: string, ids: number, since: number) {
    this.commit = commit;
    this.text = text;
    this.ids = ids;
    this.since = since;
    this.outcome = new Promise((resolve) => {
      this.answer = resolve;
    });
  }
}

/** Requests in the order they came: first those being written, then those that wait. */
export class RequestQueue {
  #waiting: Request[] = [];
  #waitingChars = 0;
  #writing: readonly Request[] = [];
  /** The last request, waiting or being written, that changes the key. */
  readonly #keys = new KeyMap<Request>();

  get size(): number {
    return this.#waiting.length;
  }

  /** Answers false where the queue is full. */
  add(request: Request): boolean {
    if (this.#waiting.length >= REQUEST_LIMIT || this.#waitingChars + request.text.length > CHARS_LIMIT)
      return false;
    this.#waiting.push(request);
    this.#waitingChars += request.text.length;
    for (const { collection, key } of request.commit?.changes ?? []) this.#keys.set(collection, key, request);
    return true;
  }

  /** Whether a request of the queue changes a key that this commit changes too. */
  touches(commit: Commit): boolean {
    return commit.changes.some(({ collection, key }) => this.#keys.get(collection, key) !== undefined);
  }

  /**
   * Takes requests from the front, up to so many characters, but at least one. `accept` says whether one is written;
   * where it is not, it has been answered.
   */
  take(chars: number, accept: (request: Request) => boolean): readonly Request[] {
    const accepted: Request[] = [];
    let taken = 0;
    let left = chars;
    for (const request of this.#waiting) {
      if (taken > 0 && request.text.length > left) break;
      taken += 1;
      this.#waitingChars -= request.text.length;
      if (!accept(request)) {
        this.#forget(request);
        continue;
      }
      accepted.push(request);
      left -= request.text.length;
    }
    this.#waiting = this.#waiting.slice(taken);
    this.#writing = accepted;
    return accepted;
  }

  /** A request that was being written has come to its end: it no longer counts as under way. */
  leave(request: Request): void {
    this.#forget(request);
    // Maps of V8 hold on to what was in them for a while; that should be little.
    request.text = '';
  }

  /** Lets go of all that were being written. */
  settle(): void {
    this.#writing = [];
  }

  /** Answers those that came before `since`: what is being written may be stored, what waits is certainly not. */
  expire(since: number, answers: { readonly writing: CommitOutcome; readonly waiting: CommitOutcome }): void {
    for (const request of this.#writing) if (request.since <= since) end(request, answers.writing);
    const late = this.#waiting.findIndex((request) => request.since > since);
    this.#refuse(late === -1 ? this.#waiting.length : late, answers.waiting);
  }

  /** Answers all there is, and is empty. */
  clear(answers: { readonly writing: CommitOutcome; readonly waiting: CommitOutcome }): void {
    this.expire(Number.POSITIVE_INFINITY, answers);
    for (const request of this.#writing) this.#forget(request);
    this.#writing = [];
  }

  #refuse(count: number, outcome: CommitOutcome): void {
    const refused = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    for (const request of refused) {
      this.#waitingChars -= request.text.length;
      this.#forget(request);
      end(request, outcome);
    }
  }

  #forget(request: Request): void {
    for (const { collection, key } of request.commit?.changes ?? []) {
      if (this.#keys.get(collection, key) === request) this.#keys.delete(collection, key);
    }
  }
}

/** Answers a request, unless it was answered before. */
export function end(request: Request, outcome: CommitOutcome): void {
  request.answer?.(outcome);
  request.answer = undefined;
}
