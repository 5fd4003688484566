import type { Doorway } from './http-doorway.js';

/** What a reader of heads found. */
export const WHOLE = 1;
/** Nothing is wrong so far, and more is to come. */
export const PARTIAL = 0;
/** Anything out of the ordinary, right or wrong: for node:http to judge. */
export const STRANGE = -1;
export type HeadResult = typeof WHOLE | typeof PARTIAL | typeof STRANGE;

/** Where requests of one path go, and the headers of the last one that passed there, which the next one will have too. */
interface Route {
  /** With the space that follows it in a request line. */
  readonly bytes: Buffer;
  readonly path: string;
  readonly doorway: Doorway;
  host: Buffer | undefined;
  type: Buffer | undefined;
}

const METHOD = Buffer.from('POST ');
const VERSION = Buffer.from('HTTP/1.1\r\n');
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const COLON = 0x3a;
/** More lines than any client of ours sends; node:http has a bound of its own. */
const MOST_LINES = 64;
/** Eight digits are more than any limit on bodies; node:http judges what is longer. */
const MOST_DIGITS = 8;

/** 1 for what may stand in a header's name (RFC 9110 §5.6.2). */
const IS_TOKEN = table((char) => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(char));
/** 1 for what may stand in a value here: printable ASCII. */
const IS_VALUE = table((char) => char >= ' ' && char <= '~');

/** Headers with a meaning for us, each once. */
const HOST = Buffer.from('host');
const LENGTH = Buffer.from('content-length');
const TYPE = Buffer.from('content-type');
const CONNECTION = Buffer.from('connection');
const AUTHORIZATION = Buffer.from('authorization');
/** Those that change how a request is read or who may send it. Prefixes: `sec-` is also Sec-Fetch-Site. */
const STRANGE_NAMES = [
  ...['content-encoding', 'transfer-encoding', 'te', 'trailer', 'expect', 'upgrade', 'http2-settings'],
  ...['origin', 'sec-', 'proxy-', 'set-cookie'],
].map((name) => Buffer.from(name));
const KEEP_ALIVE = Buffer.from('keep-alive');
const CLOSE = Buffer.from('close');

/**
 * Reads the head of the most ordinary request there is and nothing else, so that none can be taken for another than
 * node:http would: `POST`, a path that a door has, HTTP/1.1, one Host and one Content-Length of plain digits, no coding, no
 * expectation, nothing of a browser, lines that end in CRLF, values of printable ASCII. One reader serves all connections:
 * what it found holds until it reads again.
 */
export class QuickHead {
  /** The rest is set where the result is WHOLE. */
  doorway: Doorway | undefined;
  path = '';
  /** Where the head ends and the body begins. */
  end = 0;
  /** Bytes of the body. */
  length = 0;
  /** The caller wants no more than this answer. */
  isLast = false;
  /** Where the value of Authorization is; `authorizationEnd` is 0 where there is none. */
  authorizationStart = 0;
  authorizationEnd = 0;
  #routes: Route[] = [];
  #hostStart = 0;
  #hostEnd = 0;
  #typeStart = 0;
  #typeEnd = 0;
  #hasLength = false;
  #hasConnection = false;

  setRoutes(routes: ReadonlyMap<string, Doorway>): void {
    this.#routes = [...routes].map(([path, doorway]) => {
      return { bytes: Buffer.from(`${path} `), path, doorway, host: undefined, type: undefined };
    });
  }

  /** Reads a head that begins at `start`. */
  read(bytes: Buffer, start: number): HeadResult {
    if (!isPrefixed(bytes, start, METHOD)) return startsLike(bytes, start, METHOD) ? PARTIAL : STRANGE;
    const pathStart = start + METHOD.length;
    const route = this.#route(bytes, pathStart);
    if (route === undefined) {
      return this.#routes.some((one) => startsLike(bytes, pathStart, one.bytes)) ? PARTIAL : STRANGE;
    }
    const versionStart = pathStart + route.bytes.length;
    if (!isPrefixed(bytes, versionStart, VERSION)) {
      return startsLike(bytes, versionStart, VERSION) ? PARTIAL : STRANGE;
    }
    const result = this.#readLines(bytes, versionStart + VERSION.length);
    return result === WHOLE ? this.#judge(bytes, route) : result;
  }

  #route(bytes: Buffer, start: number): Route | undefined {
    for (const route of this.#routes) if (isPrefixed(bytes, start, route.bytes)) return route;
    return undefined;
  }

  #readLines(bytes: Buffer, start: number): HeadResult {
    this.#hostEnd = 0;
    this.#typeEnd = 0;
    this.#hasLength = false;
    this.#hasConnection = false;
    this.isLast = false;
    this.authorizationEnd = 0;
    const end = bytes.length;
    let at = start;
    for (let lines = 0; lines <= MOST_LINES; lines++) {
      if (at >= end) return PARTIAL;
      if (bytes[at] === CR) {
        if (at + 1 >= end) return PARTIAL;
        this.end = at + 2;
        return bytes[at + 1] === LF ? WHOLE : STRANGE;
      }
      const nameStart = at;
      while (at < end && IS_TOKEN[bytes[at] as number] === 1) at++;
      if (at >= end) return PARTIAL;
      if (bytes[at] !== COLON || at === nameStart) return STRANGE;
      const nameEnd = at++;
      while (at < end && bytes[at] === SPACE) at++;
      const valueStart = at;
      while (at < end && IS_VALUE[bytes[at] as number] === 1) at++;
      if (at + 1 >= end) return at >= end || bytes[at] === CR ? PARTIAL : STRANGE;
      if (bytes[at] !== CR || bytes[at + 1] !== LF) return STRANGE;
      // An empty value, or one that ends in a space, is nothing to trim here.
      if (at === valueStart || bytes[at - 1] === SPACE) return STRANGE;
      if (!this.#take(bytes, nameStart, nameEnd, valueStart, at)) return STRANGE;
      at += 2;
    }
    return STRANGE;
  }

  /** One header; false where it is none for here. */
  #take(bytes: Buffer, nameStart: number, nameEnd: number, start: number, end: number): boolean {
    const size = nameEnd - nameStart;
    if (size === HOST.length && isLike(bytes, nameStart, HOST)) {
      if (this.#hostEnd !== 0) return false;
      this.#hostStart = start;
      this.#hostEnd = end;
      return true;
    }
    if (size === LENGTH.length && isLike(bytes, nameStart, LENGTH)) {
      if (this.#hasLength) return false;
      this.#hasLength = true;
      return this.#takeLength(bytes, start, end);
    }
    if (size === TYPE.length && isLike(bytes, nameStart, TYPE)) {
      if (this.#typeEnd !== 0) return false;
      this.#typeStart = start;
      this.#typeEnd = end;
      return true;
    }
    if (size === CONNECTION.length && isLike(bytes, nameStart, CONNECTION)) {
      if (this.#hasConnection) return false;
      this.#hasConnection = true;
      this.isLast = end - start === CLOSE.length && isLike(bytes, start, CLOSE);
      return this.isLast || (end - start === KEEP_ALIVE.length && isLike(bytes, start, KEEP_ALIVE));
    }
    if (size === AUTHORIZATION.length && isLike(bytes, nameStart, AUTHORIZATION)) {
      if (this.authorizationEnd !== 0) return false;
      this.authorizationStart = start;
      this.authorizationEnd = end;
      return true;
    }
    for (const name of STRANGE_NAMES) {
      if (size >= name.length && isLike(bytes, nameStart, name)) return false;
    }
    return true;
  }

  #takeLength(bytes: Buffer, start: number, end: number): boolean {
    if (end - start > MOST_DIGITS) return false;
    let length = 0;
    for (let at = start; at < end; at++) {
      const digit = (bytes[at] as number) - 0x30;
      if (digit < 0 || digit > 9) return false;
      length = length * 10 + digit;
    }
    this.length = length;
    return end - start === 1 || bytes[start] !== 0x30;
  }

  /** Whether the door takes it. What the one before had has passed already, so it is only compared. */
  #judge(bytes: Buffer, route: Route): HeadResult {
    const { doorway } = route;
    if (this.#hostEnd === 0 || !this.#hasLength || !doorway.takesPost(this.length)) return STRANGE;
    if (!isSame(bytes, this.#hostStart, this.#hostEnd, route.host)) {
      if (!doorway.takesHost(bytes.toString('latin1', this.#hostStart, this.#hostEnd))) return STRANGE;
      route.host = Buffer.from(bytes.subarray(this.#hostStart, this.#hostEnd));
    }
    if (this.#typeEnd !== 0 && !isSame(bytes, this.#typeStart, this.#typeEnd, route.type)) {
      if (!doorway.takesType(bytes.toString('latin1', this.#typeStart, this.#typeEnd))) return STRANGE;
      route.type = Buffer.from(bytes.subarray(this.#typeStart, this.#typeEnd));
    }
    this.doorway = doorway;
    this.path = route.path;
    return WHOLE;
  }
}

function table(isIn: (char: string) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => Number(isIn(String.fromCharCode(code))));
}

function isPrefixed(bytes: Buffer, start: number, expected: Buffer): boolean {
  if (start + expected.length > bytes.length) return false;
  for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false;
  return true;
}

/** Whether what is there, up to the end of the bytes, may become the expected. */
function startsLike(bytes: Buffer, start: number, expected: Buffer): boolean {
  const length = Math.min(bytes.length - start, expected.length);
  if (start + expected.length <= bytes.length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== expected[i]) return false;
  return true;
}

/** Whether letters of either case, and hyphens, are the expected lower-case ones. */
function isLike(bytes: Buffer, start: number, expected: Buffer): boolean {
  for (let i = 0; i < expected.length; i++) {
    if (((bytes[start + i] as number) | 0x20) !== expected[i]) return false;
  }
  return true;
}

function isSame(bytes: Buffer, start: number, end: number, expected: Buffer | undefined): boolean {
  if (expected === undefined || end - start !== expected.length) return false;
  for (let i = 0; i < expected.length; i++) if (bytes[start + i] !== expected[i]) return false;
  return true;
}
