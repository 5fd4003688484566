/**
 * What XML-RPC can say, as JavaScript says it: `<int>`, `<i4>` and `<double>` are numbers, `<i8>` a number where that is
 * exact and else a bigint, `<dateTime.iso8601>` a Date in UTC, `<base64>` bytes, `<nil/>` null.
 */
export type XmlRpcValue =
  | string
  | number
  | boolean
  | bigint
  | Date
  | Uint8Array
  | null
  | readonly XmlRpcValue[]
  | { readonly [member: string]: XmlRpcValue };

/** How deep arrays and structs may lie in each other, read or written. */
export const MAX_DEPTH = 64;

/** A value that has been written already, held against a bound of its own: `xml` is a whole `<value>`. */
export class EncodedValue {
  readonly xml: string;

  constructor(xml: string) {
    this.xml = xml;
  }
}

/** A value that is the answer to many calls. */
export class PreparedAnswer extends EncodedValue {
  /** The whole response with it, once it was asked for: the same bytes for everyone. */
  response: Buffer | undefined = undefined;
}

/** What a method may answer: a value, or one written already, also within lists and structs. */
export type Answer = XmlRpcValue | EncodedValue | readonly Answer[] | { readonly [member: string]: Answer };
