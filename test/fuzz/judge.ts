import { SaxesParser } from 'saxes';
import { FAULT_CODES, XmlRpcFault } from '../../plugins/transports/xml-rpc/faults.js';
import {
  type MethodCall,
  readMethodCall,
  readMethodResponse,
} from '../../plugins/transports/xml-rpc/reader.js';
import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';

/** What became of one message: a call, or the code of a fault; and what is wrong with that, if anything is. */
export interface Verdict {
  readonly call?: MethodCall;
  readonly fault?: number;
  readonly problem?: string;
}

const OF_READER: ReadonlySet<number> = new Set([
  FAULT_CODES.PARSE_ERROR,
  FAULT_CODES.UNSUPPORTED_ENCODING,
  FAULT_CODES.INVALID_CHARACTER,
  FAULT_CODES.INVALID_REQUEST,
]);

/** Reads a message and holds what comes of it against what must be so for any message. */
export function judgeReader(body: Buffer): Verdict {
  let call: MethodCall;
  try {
    call = readMethodCall(body);
  } catch (error) {
    if (!(error instanceof XmlRpcFault)) return { problem: `the reader threw ${String(error)}` };
    if (!OF_READER.has(error.faultCode))
      return { problem: `the reader's fault has the code ${error.faultCode}` };
    if (error.message.length > 300)
      return { problem: `the reader's fault is ${error.message.length} characters long` };
    return { fault: error.faultCode };
  }
  return { call, ...problemOf(problemOfCall(body, call)) };
}

/** The same, for what a door answered to it. `expected` is what the reader made of the message. */
export function judgeAnswer(status: number, body: string, expected: Verdict): string | undefined {
  // 413 is for bodies beyond the limit, which no message here is.
  if (status !== 200) return `the door answered ${status}: ${body.slice(0, 200)}`;
  const illFormed = illFormedAt(body);
  if (illFormed !== undefined) return `the answer is ill-formed: ${illFormed}`;
  let fault: number | undefined;
  try {
    readMethodResponse(body, { values: 10_000_000 });
  } catch (error) {
    if (!(error instanceof XmlRpcFault)) return `the answer made the reader throw ${String(error)}`;
    fault = error.faultCode;
  }
  if (fault === FAULT_CODES.INTERNAL) return 'the registry failed on it: fault -32603';
  if (expected.fault !== undefined && fault !== expected.fault) {
    return `the door answered ${fault ?? 'no fault'}, the reader said ${expected.fault}`;
  }
  return undefined;
}

function problemOfCall(body: Buffer, call: MethodCall): string | undefined {
  const text = textOf(body);
  const illFormed = text === undefined ? undefined : illFormedAt(text);
  if (illFormed !== undefined) return `read, though it is ill-formed: ${illFormed}`;
  const again = writeCall(call.method, call.params);
  const rewritten = illFormedAt(again);
  if (rewritten !== undefined) return `written again it is ill-formed: ${rewritten}`;
  const twice = writeCall(call.method, readMethodCall(Buffer.from(again)).params);
  return twice === again ? undefined : 'read again it is another call';
}

function problemOf(problem: string | undefined): { problem?: string } {
  return problem === undefined ? {} : { problem };
}

/** The message as saxes may read it, which takes no bytes; undefined for encodings that this judge leaves alone. */
function textOf(body: Buffer): string | undefined {
  const isWide = body[0] === 0 || body[1] === 0 || body[0] === 0xff || body[0] === 0xfe;
  if (isWide) return undefined;
  const isLatin = /^<\?xml[^>]*encoding\s*=\s*["'](iso-?_?8859|latin|l1)/i.test(
    body.toString('latin1', 0, 256),
  );
  return body.toString(isLatin ? 'latin1' : 'utf8').replace(/^\ufeff/, '');
}

function illFormedAt(text: string): string | undefined {
  let first: string | undefined;
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    first ??= error.message;
  });
  parser.write(text).close();
  return first;
}
