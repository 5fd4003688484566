import { expect } from 'vitest';
import { ChangeHub } from '../../../../plugins/transports/xml-rpc/changes/change-hub.js';
import type { ChangesStruct } from '../../../../plugins/transports/xml-rpc/methods/types.js';
import { readMethodResponse } from '../../../../plugins/transports/xml-rpc/reader.js';
import type { PreparedAnswer } from '../../../../plugins/transports/xml-rpc/values.js';
import { MAX_ANSWER, writeResponse } from '../../../../plugins/transports/xml-rpc/writer.js';
import { makeServiceDB } from '../../../support/make-servicedb.js';

/** One wait: what it was answered, once it was. */
export interface Wait {
  readonly answer: ChangesStruct | undefined;
  readonly error: unknown;
  /** The very object, to be compared with that of others. */
  readonly prepared: PreparedAnswer | undefined;
  leave(reason?: Error): void;
}

/** A hub over a ServiceDB, with time and turns of the event loop in the test's hands. */
export async function makeHub(options: { limit?: number; maxAnswer?: number } = {}) {
  const made = await makeServiceDB();
  const { services, clock } = made;
  const turns: (() => void)[] = [];
  const hub = new ChangeHub(
    { services, clock, maxAnswer: options.maxAnswer ?? MAX_ANSWER },
    {
      later: (run) => turns.push(run),
      ...(options.limit !== undefined && { limit: options.limit }),
    },
  );
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  /** Runs what was put off to a later turn, and what that puts off. */
  const drain = async () => {
    await settle();
    for (let run = turns.shift(); run !== undefined; run = turns.shift()) {
      run();
      await settle();
    }
  };
  return {
    ...made,
    hub,
    turns,
    settle,
    drain,
    /** Moves time on, and lets everything be answered. */
    async pass(ms: number) {
      await clock.advanceAsync(ms);
      await drain();
    },
    /** Asks as a client does. Throws what the call throws at once. */
    wait(cursor: string, timeoutMs = 300_000, name?: string): Wait {
      let leave: (reason: Error) => void = () => {};
      const state: { answer?: ChangesStruct; error?: unknown; prepared?: PreparedAnswer } = {};
      const got = (prepared: PreparedAnswer) => {
        state.prepared = prepared;
        state.answer = decode(prepared);
      };
      const result = hub.wait(cursor, timeoutMs, name, (tell) => {
        leave = tell;
      });
      if (result instanceof Promise) result.then(got, (error) => Object.assign(state, { error }));
      else got(result);
      return {
        get answer() {
          return state.answer;
        },
        get error() {
          return state.error;
        },
        get prepared() {
          return state.prepared;
        },
        leave: (reason = new Error('The caller has gone')) => leave(reason),
      };
    },
  };
}

/** What a client reads. */
export function decode(answer: PreparedAnswer): ChangesStruct {
  const read = readMethodResponse(Buffer.from(writeResponse(answer)));
  return read as unknown as ChangesStruct;
}

/** What an answer tells, in short: `registered echo/a`. */
export function told(wait: Wait): string[] | undefined {
  return wait.answer?.changes.map(({ kind, instance }) => `${kind} ${instance.name}/${instance.instance}`);
}

export function expectEmpty(wait: Wait, cursor: string): void {
  expect(wait.answer).toEqual({ cursor, changes: [], reset: false });
}
