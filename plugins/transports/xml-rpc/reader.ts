import { XmlRpcFault } from './faults.js';
import { decode } from './reader-decode.js';
import { OPENED, Scanner, tagOf } from './reader-scan.js';
import { ValueReader } from './reader-values.js';
import { MAX_DEPTH, type XmlRpcValue } from './values.js';

/** A call as it came in. */
export interface MethodCall {
  method: string;
  params: XmlRpcValue[];
}

/** What one message may hold. Its length is bounded by whoever takes it from the wire. */
export interface ReaderLimits {
  /** How deep arrays and structs may lie in each other. */
  depth: number;
  /** Values of all kinds, arrays, structs and what is in them. */
  values: number;
}

const LIMITS: ReaderLimits = { depth: MAX_DEPTH, values: 100_000 };

const METHOD_CALL = tagOf('methodCall');
const METHOD_NAME = tagOf('methodName');
const METHOD_RESPONSE = tagOf('methodResponse');
const PARAMS = tagOf('params');
const PARAM = tagOf('param');
const FAULT = tagOf('fault');

/** The characters of method names are the specification's, the length is ours. */
const LONGEST_NAME = 256;
const NAME_CHARACTER = /[A-Za-z0-9_.:/]/;
const IS_IN_NAMES = Array.from({ length: 128 }, (_, code) => NAME_CHARACTER.test(String.fromCharCode(code)));

/**
 * Reads a call, strictly: what isn't XML-RPC to the letter is a fault, and no message costs more than time linear in its
 * length. Bytes are decoded as their XML declaration says, UTF-8 where it says nothing.
 *
 * The members of a struct keep their order, except that JavaScript puts those named like `7` first. `__proto__` is a
 * member like any other, as with JSON.parse.
 *
 * @throws XmlRpcFault -32700 not XML, -32701 an encoding not known, -32702 bytes or characters that don't exist in it,
 * -32600 XML but no call, or beyond a limit.
 */
export function readMethodCall(body: Uint8Array | string, limits?: Partial<ReaderLimits>): MethodCall {
  const scan = scannerOf(body);
  const values = new ValueReader(scan, limits === undefined ? LIMITS : { ...LIMITS, ...limits });
  scan.needRoot(METHOD_CALL);
  const method = readMethodName(scan);
  const params = readParams(scan, values);
  scan.close(METHOD_CALL);
  scan.finish();
  return { method, params };
}

/**
 * Reads the answer to a call, as strictly.
 *
 * @throws XmlRpcFault with the server's code and text where the answer is a fault; else as {@link readMethodCall}.
 */
export function readMethodResponse(body: Uint8Array | string, limits?: Partial<ReaderLimits>): XmlRpcValue {
  const { value, fault } = readMethodAnswer(body, limits);
  if (fault !== undefined) throw fault;
  return value as XmlRpcValue;
}

/** As {@link readMethodResponse}, but answers the server's fault, so that it can be told from what is wrong with the answer. */
export function readMethodAnswer(
  body: Uint8Array | string,
  limits?: Partial<ReaderLimits>,
): { readonly value?: XmlRpcValue; readonly fault?: XmlRpcFault } {
  const scan = scannerOf(body);
  const values = new ValueReader(scan, limits === undefined ? LIMITS : { ...LIMITS, ...limits });
  scan.needRoot(METHOD_RESPONSE);
  const start = scan.at;
  const isFault = scan.open(FAULT) === OPENED;
  const answers = isFault ? [values.read()] : readParams(scan, values);
  if (isFault) scan.close(FAULT);
  scan.close(METHOD_RESPONSE);
  scan.finish();
  const [answer] = answers;
  if (answer === undefined || answers.length > 1) throw scan.invalid(start, 'one <param>, or a <fault>');
  if (!isFault) return { value: answer };
  const fault = faultIn(answer);
  if (fault === undefined) throw scan.invalid(start, 'a struct of faultCode and faultString');
  return { fault };
}

function scannerOf(body: Uint8Array | string): Scanner {
  return new Scanner(decode(body));
}

function readMethodName(scan: Scanner): string {
  scan.need(METHOD_NAME);
  const start = scan.at;
  const name = scan.read();
  if (!isMethodName(name)) throw scan.invalid(start, 'a method name, 1 to 256 of A-Z a-z 0-9 _ . : /');
  scan.close(METHOD_NAME);
  return name;
}

/** Every call passes here, and a regex would take 80 ns. */
function isMethodName(text: string): boolean {
  if (text.length === 0 || text.length > LONGEST_NAME) return false;
  for (let i = 0; i < text.length; i++) {
    if (IS_IN_NAMES[text.charCodeAt(i)] !== true) return false;
  }
  return true;
}

/** The `<params>`, which may be missing where there are none. */
function readParams(scan: Scanner, values: ValueReader): XmlRpcValue[] {
  const params: XmlRpcValue[] = [];
  if (scan.open(PARAMS) !== OPENED) return params;
  while (!scan.isAtEndTag()) {
    scan.need(PARAM);
    params.push(values.read());
    scan.close(PARAM);
  }
  scan.close(PARAMS);
  return params;
}

function faultIn(answer: XmlRpcValue): XmlRpcFault | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { faultCode, faultString } = answer as { faultCode?: XmlRpcValue; faultString?: XmlRpcValue };
  const isFault =
    typeof faultCode === 'number' && Number.isInteger(faultCode) && typeof faultString === 'string';
  return isFault ? new XmlRpcFault(faultCode, faultString) : undefined;
}
