import { quoted } from './reader-quoted.js';
import { SCALARS } from './reader-scalars.js';
import { ABSENT, EMPTY, type Scanner, tagOf } from './reader-scan.js';
import type { XmlRpcValue } from './values.js';

/** An array or struct that isn't at its end yet, and the one it lies in. */
interface Frame {
  readonly outer: Frame | undefined;
  readonly depth: number;
  /** `<struct/>` and `<data/>` end where they begin. */
  readonly isEmpty: boolean;
  /** Undefined in a struct. */
  readonly array: XmlRpcValue[] | undefined;
  readonly struct: { [member: string]: XmlRpcValue };
  /** The member of the struct whose value is next. */
  name: string;
}

const VALUE = tagOf('value');
const STRUCT = tagOf('struct');
const MEMBER = tagOf('member');
const NAME = tagOf('name');
const ARRAY = tagOf('array');
const DATA = tagOf('data');

/** What an array's frame has in place of a struct. */
const NO_STRUCT: Frame['struct'] = Object.freeze({});

/** Reads the `<value>` elements of one message, which share its limits. Nothing recurses, however deep a message goes. */
export class ValueReader {
  private readonly scan: Scanner;
  private readonly limits: { readonly depth: number; readonly values: number };
  private count = 0;

  constructor(scan: Scanner, limits: { readonly depth: number; readonly values: number }) {
    this.scan = scan;
    this.limits = limits;
  }

  /** The `<value>` that has to be next, with all that is in it. */
  read(): XmlRpcValue {
    let frame: Frame | undefined;
    for (;;) {
      const scalar = this.readScalar();
      if (scalar === undefined) {
        frame = this.enter(frame);
      } else {
        if (frame === undefined) return scalar;
        this.put(frame, scalar);
      }
      while (!this.hasMore(frame)) {
        const whole = this.leave(frame);
        frame = frame.outer;
        if (frame === undefined) return whole;
        this.put(frame, whole);
      }
    }
  }

  /** A value that is no array and no struct; undefined, with `<value>` passed, where it may be one. */
  private readScalar(): XmlRpcValue | undefined {
    const { scan } = this;
    const { values } = this.limits;
    if (++this.count > values) throw scan.invalid(scan.at, `at most ${values} values`);
    const found = scan.open(VALUE);
    if (found === ABSENT) throw scan.unexpected('<value>');
    if (found === EMPTY) return '';
    const start = scan.at;
    scan.skip();
    let value: XmlRpcValue | undefined;
    if (scan.isAtTag()) {
      value = this.readTyped();
      if (value === undefined) return undefined;
    } else {
      // Text without a type: the white space before it belongs to it.
      scan.at = start;
      value = scan.read();
    }
    scan.close(VALUE);
    return value;
  }

  private readTyped(): XmlRpcValue | undefined {
    const { scan } = this;
    const start = scan.at;
    for (const scalar of SCALARS[scan.codes[start + 1] as number] ?? []) {
      const found = scan.open(scalar.tag);
      if (found === ABSENT) continue;
      const value = scalar.parse(found === EMPTY ? '' : scan.read());
      if (value === undefined) throw scan.invalid(start, scalar.expected);
      if (found !== EMPTY) scan.close(scalar.tag);
      return value;
    }
    return undefined;
  }

  private enter(outer: Frame | undefined): Frame {
    const { scan } = this;
    const depth = outer === undefined ? 1 : outer.depth + 1;
    const max = this.limits.depth;
    if (depth > max) throw scan.invalid(scan.at, `at most ${max} arrays and structs in each other`);
    const struct = scan.open(STRUCT);
    if (struct !== ABSENT) {
      return { outer, depth, isEmpty: struct === EMPTY, array: undefined, struct: {}, name: '' };
    }
    const array = scan.open(ARRAY);
    if (array === ABSENT) throw scan.unexpected('a value such as <string>, <int>, <struct> or <array>');
    const data = array === EMPTY ? ABSENT : scan.open(DATA);
    if (data === ABSENT) throw scan.unexpected('<data>');
    return { outer, depth, isEmpty: data === EMPTY, array: [], struct: NO_STRUCT, name: '' };
  }

  /** Whether another value follows in this array or struct, which then is next. */
  private hasMore(frame: Frame): boolean {
    const { scan } = this;
    if (frame.isEmpty || scan.isAtEndTag()) return false;
    if (frame.array === undefined) frame.name = this.readName(frame.struct);
    return true;
  }

  private readName(struct: Frame['struct']): string {
    const { scan } = this;
    const start = scan.at;
    scan.need(MEMBER);
    const found = scan.open(NAME);
    if (found === ABSENT) throw scan.unexpected('<name>');
    const name = found === EMPTY ? '' : scan.read();
    if (found !== EMPTY) scan.close(NAME);
    if (Object.hasOwn(struct, name)) throw scan.invalid(start, `member ${quoted(name)} once in a struct`);
    return name;
  }

  private put(frame: Frame, value: XmlRpcValue): void {
    const { array, struct, name } = frame;
    if (array !== undefined) {
      array.push(value);
      return;
    }
    if (name === '__proto__') {
      // Assigning it would set the prototype.
      Object.defineProperty(struct, name, { value, writable: true, enumerable: true, configurable: true });
    } else {
      struct[name] = value;
    }
    this.scan.close(MEMBER);
  }

  private leave(frame: Frame): XmlRpcValue {
    const { scan } = this;
    if (frame.array === undefined) {
      if (!frame.isEmpty) scan.close(STRUCT);
    } else {
      if (!frame.isEmpty) scan.close(DATA);
      scan.close(ARRAY);
    }
    scan.close(VALUE);
    return frame.array ?? frame.struct;
  }
}
