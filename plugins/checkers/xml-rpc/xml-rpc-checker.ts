import { isDeepStrictEqual } from 'node:util';
import { type Checker, type Clock, messageOf, shown, type Verdict } from '../../../core/index.js';
import { readMethodAnswer } from '../../transports/xml-rpc/reader.js';
import type { XmlRpcValue } from '../../transports/xml-rpc/values.js';
import { checkOptions, type XmlRpcCheck } from './check-options.js';
import { type Posted, post } from './post.js';

/** Of what was answered, this much stands in the output. */
const LONGEST = 96;

/** A checker of kind `xml-rpc`: an instance that answers a call, and with what is expected where that is said, is running. */
export function createXmlRpcChecker(clock: Clock): Checker<typeof checkOptions> {
  return {
    kind: 'xml-rpc',
    options: checkOptions,
    mayChange: ({ isHarmless }) => !isHarmless,
    check: async ({ target, options: check, signal }) => {
      const begunAt = clock.monotonic();
      let outcome: Outcome;
      try {
        outcome = outcomeOf(check, await post(check, target, signal));
      } catch (error) {
        signal.throwIfAborted();
        outcome = ['error', whatFailed(error)];
      }
      const [status, output] = outcome;
      return { status, output, latencyMs: clock.monotonic() - begunAt };
    },
  };
}

type Outcome = readonly [status: Verdict['status'], output: string];

function outcomeOf({ method, expect }: XmlRpcCheck, { status, text, body }: Posted): Outcome {
  const asked = shown(method, 64);
  // Whatever goes wrong below HTTP's business is a fault, under 200 (XML-RPC specification, "Response format").
  if (status !== 200) return ['error', `${asked}: HTTP ${status} ${shown(text, LONGEST)}`.trimEnd()];
  let answer: ReturnType<typeof readMethodAnswer>;
  try {
    answer = readMethodAnswer(body);
  } catch (error) {
    return ['error', `${asked}: it answered no XML-RPC: ${shown(messageOf(error), LONGEST)}`];
  }
  const { value, fault } = answer;
  if (fault !== undefined) {
    return ['error', `${asked}: fault ${fault.faultCode}: ${shown(fault.message, LONGEST)}`];
  }
  const line = `${asked}: ${summary(value as XmlRpcValue)}`;
  if (expect === undefined || isDeepStrictEqual(value, expect)) return ['running', line];
  return ['error', `${line}, expected ${shown(JSON.stringify(expect), LONGEST)}`];
}

/** A value in a few words: whole where it is short by nature. */
function summary(value: XmlRpcValue): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'string') return shown(JSON.stringify(value), LONGEST);
  return typeof value === 'object' && value !== null
    ? `a struct of ${Object.keys(value).length}`
    : String(value);
}

function whatFailed(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  const message = messageOf(error);
  // Node says ECONNRESET of these too.
  if (message === 'socket hang up' || message === 'aborted') {
    return 'it closed the connection before the end of its answer';
  }
  if (typeof code !== 'string') return shown(message, LONGEST);
  return code.startsWith('HPE_') ? `it answered no HTTP/1.1: ${code}` : code;
}
