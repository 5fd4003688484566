import { isPromise, RegistryError } from '../../../../core/index.js';
import { FAULT_CODES, XmlRpcFault } from '../faults.js';
import type { Caller, Method } from '../method.js';
import { type Answer, EncodedValue, type XmlRpcValue } from '../values.js';
import { encodeValue, ListWriter } from '../writer.js';
import { answerLimits } from './answers.js';
import type { Context } from './context.js';
import type { MethodTable } from './introspection.js';
import { MULTICALL_LIMIT } from './limits.js';
import type { FaultStruct, MulticallStruct } from './types.js';

/** What all multicalls that are under way may hold, in times the longest answer. */
const HELD_ANSWERS = 4;
/** Characters of an answer that is not counted. */
const SHORT = 1_000;

/** What a wait ends with: where it was for a turn, when that ends. */
// biome-ignore lint/suspicious/noConfusingVoidType: what a call ends with is nothing.
type Wait = number | void | readonly void[];

/**
 * One `system.multicall`. Its calls are begun in order. Writes are not waited for until all are begun, so that a hundred
 * registrations share one write to the disk; a read is over before the next call begins, so that what it found is
 * encoded and given back. All answers together are bounded like one.
 */
export class Multicall {
  readonly #context: Context;
  readonly #table: MethodTable;
  readonly #calls: readonly MulticallStruct[];
  readonly #caller: Caller;
  readonly #results: (readonly [EncodedValue] | FaultStruct)[] = [];
  readonly #pending: Promise<void>[] = [];
  /** Characters that answers may still take. */
  #left: number;
  #isSpent = false;
  /** Characters of its answers that are counted in what all multicalls hold. */
  #heldLength = 0;
  #next = 0;

  constructor(context: Context, table: MethodTable, calls: readonly MulticallStruct[], caller: Caller) {
    if (calls.length > MULTICALL_LIMIT) {
      throw new XmlRpcFault(
        FAULT_CODES.INVALID_PARAMS,
        `system.multicall takes at most ${MULTICALL_LIMIT} calls, not ${calls.length}`,
      );
    }
    this.#context = context;
    this.#table = table;
    this.#calls = calls;
    this.#caller = caller;
    this.#left = context.maxAnswer;
  }

  /** Runs all of them; at once where nothing has to be waited for. */
  run(): EncodedValue | Promise<EncodedValue> {
    const wait = this.#work();
    return wait === undefined ? this.#end() : this.#finish(wait);
  }

  async #finish(first: Promise<Wait>): Promise<EncodedValue> {
    try {
      for (let wait: Promise<Wait> | undefined = first; wait !== undefined; ) wait = this.#work(await wait);
    } catch (error) {
      this.#giveBack();
      throw error;
    }
    return this.#end();
  }

  /** Goes on as far as it can, to the end of its turn where it was given one; answers what has to be waited for. */
  #work(turnEnd?: Wait): Promise<Wait> | undefined {
    const { turns } = this.#context;
    const sliceEnd = typeof turnEnd === 'number' ? turnEnd : turns.freshEnd();
    while (this.#next < this.#calls.length) {
      if (turns.isOver(sliceEnd)) return turns.pause();
      const wait = this.#call(this.#next++);
      if (wait !== undefined) return wait;
    }
    return this.#pending.length > 0 ? Promise.all(this.#pending.splice(0)) : undefined;
  }

  #call(at: number): Promise<void> | undefined {
    const call: Partial<MulticallStruct> | null | undefined = this.#calls[at];
    const name = call?.methodName;
    try {
      const params = call?.params;
      if (typeof name !== 'string' || !Array.isArray(params)) {
        throw new XmlRpcFault(
          FAULT_CODES.INVALID_PARAMS,
          'each call must be a struct {methodName: string, params: array}',
        );
      }
      const method = this.#table.method(name);
      if (method.inMulticall === 'refused') {
        throw new XmlRpcFault(
          FAULT_CODES.INVALID_PARAMS,
          `${name} cannot be called within system.multicall; call it on its own`,
        );
      }
      if (this.#isSpent) throw this.#notRun();
      const admitted = this.#table.admit(method, params, this.#caller);
      if (!isPromise(admitted)) return this.#run(at, method, params, admitted);
      // Waited for, or the next one might be begun first: that one is let in sooner, say.
      return admitted
        .then((caller) => this.#run(at, method, params, caller))
        .catch((error) => this.#fail(at, name, error));
    } catch (error) {
      this.#fail(at, String(name), error);
      return undefined;
    }
  }

  /** Begins a call; answers what has to be waited for before the next. */
  #run(
    at: number,
    method: Method,
    params: readonly XmlRpcValue[],
    caller: Caller,
  ): Promise<void> | undefined {
    const answer = method.run(params, caller);
    if (!isPromise(answer)) {
      this.#answer(at, answer);
      return undefined;
    }
    const done = answer
      .then((value) => this.#answer(at, value))
      .catch((error) => this.#fail(at, method.name, error));
    if (method.inMulticall !== 'beside') return done;
    this.#pending.push(done);
    return undefined;
  }

  #answer(at: number, answer: Answer): void {
    const limits = answerLimits(this.#context.maxAnswer);
    try {
      const encoded =
        answer instanceof EncodedValue ? answer : encodeValue(answer, { ...limits, length: this.#left });
      const { length } = encoded.xml;
      if (length > this.#left) throw limits.tooLong(this.#left);
      this.#hold(length);
      this.#left -= length;
      this.#results[at] = [encoded];
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'ANSWER_TOO_LARGE') this.#isSpent = true;
      throw error;
    }
  }

  /** Counts an answer that has to wait for the others. One as short as a write's is taken in any case: it has been run. */
  #hold(length: number): void {
    if (length <= SHORT) return;
    const { held, maxAnswer } = this.#context;
    if (held.length + length > HELD_ANSWERS * maxAnswer) {
      throw new RegistryError(
        'LIMIT_REACHED',
        `All that are under way hold ${HELD_ANSWERS} times as much as one answer may be; try again shortly, or make the call on its own.`,
      );
    }
    held.length += length;
    this.#heldLength += length;
  }

  #giveBack(): void {
    this.#context.held.length -= this.#heldLength;
    this.#heldLength = 0;
  }

  #fail(at: number, name: string, error: unknown): void {
    const { code, message } = this.#table.fault(error, name);
    this.#results[at] = { faultCode: code, faultString: message };
  }

  #notRun(): RegistryError {
    return new RegistryError(
      'ANSWER_TOO_LARGE',
      `This call was not run: with the answers before it, this system.multicall is at the ${this.#context.maxAnswer} characters ` +
        'that one answer may have, the maxAnswer of this door. Send it again in another.',
    );
  }

  #end(): EncodedValue {
    this.#giveBack();
    const list = new ListWriter({ length: Number.MAX_SAFE_INTEGER });
    for (const result of this.#results) list.add(result as Answer);
    return list.end();
  }
}
