/** The types of XML-RPC as `system.methodSignature` names them; `undef` where a method does not commit itself. */
export type XmlRpcType =
  | 'string'
  | 'int'
  | 'boolean'
  | 'double'
  | 'dateTime.iso8601'
  | 'struct'
  | 'array'
  | 'undef';

const WORDS: Readonly<Record<string, XmlRpcType>> = {
  string: 'string',
  int: 'int',
  double: 'double',
  boolean: 'boolean',
  false: 'boolean',
  'dateTime.iso8601': 'dateTime.iso8601',
  Address: 'array',
  array: 'array',
  struct: 'struct',
};

/** What a type as the table writes it (`Address|false`) is on the wire. What is no word and no list is a struct. */
export function wireTypes(type: string): readonly XmlRpcType[] {
  return type.split('|').map((one) => (one.endsWith('[]') ? 'array' : (WORDS[one] ?? 'struct')));
}
