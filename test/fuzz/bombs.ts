import type { Chance } from '../support/chance.js';

/** What stands before, what is repeated, what stands after. `@` is the number of the repetition: then no two are the same. */
type Bomb = readonly [before: string, repeated: string, after: string];

const START = '<?xml version="1.0"?><methodCall><methodName>find</methodName><params><param>';
const END = '</param></params></methodCall>';
const NO_PARAMS = '><methodName>m</methodName></methodCall>';

const inValue = (before: string, repeated: string, after: string): Bomb => [
  `${START}<value>${before}`,
  repeated,
  `${after}</value>${END}`,
];
const inMember = (name: string, before: string, repeated: string, after: string): Bomb =>
  inValue(
    `<struct><member><name>${name}</name><value>${before}`,
    repeated,
    `${after}</value></member></struct>`,
  );

const AS_TEXT = [
  ...[
    '<',
    '&',
    ']]>',
    ']',
    '&lt;',
    '&#1',
    '&#65;',
    '&#x0000000041;',
    '<!---->',
    '<!--',
    '<![CDATA[',
    '<![CDATA[]]>',
  ],
  ...['\r', '\r\n', ' ', 'text ', '\xe4', '\xc3\xa4', '\0'],
];
const AS_MESSAGE = [
  '<a>',
  '</a>',
  '<a/>',
  '<value>',
  '</value>',
  '<?a?>',
  '<?',
  '<!',
  '<struct>',
  'a b="c" ',
  '<methodCall>',
];

/** Messages whose whole length is spent on one thing. */
const BOMBS: readonly Bomb[] = [
  ...AS_TEXT.map((repeated) => inValue('', repeated, '')),
  ...AS_TEXT.map((repeated) => inValue('<string>', repeated, '</string>')),
  ...AS_MESSAGE.map((repeated): Bomb => ['', repeated, '']),
  [START, '<value><array><data>', ''],
  [START, '<value><struct><member><name>a</name>', ''],
  [START, '<value/>', END],
  inValue('<array><data>', '<value/>', '</data></array>'),
  inValue('<array><data>', '<value><nil/></value>', '</data></array>'),
  inValue('<array><data>', '<value><array><data/></array></value>', '</data></array>'),
  inValue('<array><data>', '<value><struct/></value>', '</data></array>'),
  inValue('<struct>', '<member><name>@</name><value/></member>', '</struct>'),
  inValue('<struct>', '<member><name>k@</name><value/></member>', '</struct>'),
  inValue('<struct>', '<member><name>@000</name><value/></member>', '</struct>'),
  inMember('name', '<struct><member><name>$regex</name><value>', '(a*)*', '</value></member></struct>'),
  inMember(
    'name',
    '<struct><member><name>$in</name><value><array><data>',
    '<value>a@</value>',
    '</data></array></value></member></struct>',
  ),
  inMember(
    '$or',
    '<array><data>',
    '<value><struct><member><name>name</name><value>a@</value></member></struct></value>',
    '</data></array>',
  ),
  [
    `${START}<value><struct><member><name>`,
    'n',
    '</name><value/></member></struct></value></param></params></methodCall>',
  ],
  inValue('<int>', '9', '</int>'),
  inValue('<int>', ' ', '</int>'),
  inValue('<i8>', '0', '</i8>'),
  inValue('<i8>', '9', '</i8>'),
  inValue('<double>', '1', '</double>'),
  inValue('<double>0.', '0', '</double>'),
  inValue('<double>1', '.1', '</double>'),
  inValue('<base64>', 'AAAA\n', '</base64>'),
  inValue('<base64>', 'A=', '</base64>'),
  inValue('<dateTime.iso8601>20250131T23:59:59.', '1', '</dateTime.iso8601>'),
  inValue('&#', '9', ';'),
  inValue('&#x', '0', '41;'),
  ['<methodCall><methodName>', 'm', '</methodName></methodCall>'],
  ['<methodCall', ' xmlns:a@="b"', NO_PARAMS],
  ['<methodCall', ' ', NO_PARAMS],
  ['<methodCall xmlns:', 'n', `="a"${NO_PARAMS}`],
  ['<methodCall xmlns="', 'n', `"${NO_PARAMS}`],
  ['<methodCall a', 'n', `="a"${NO_PARAMS}`],
  ['<methodCall ', ' a@="b"', NO_PARAMS],
  ['<?xml version="1.0"', ' ', '?><methodCall/>'],
  ['<?xml version="1.0" encoding="', 'n', '"?><methodCall/>'],
  ['<?', 'n', '?><methodCall/>'],
  ['<!DOCTYPE a [', '<!ENTITY a@ "b">', ']><methodCall/>'],
  [
    '<methodCall><methodName>system.multicall</methodName><params><param><value><array><data>',
    '<value><struct><member><name>methodName</name><value>get_reg_count</value></member><member><name>params</name><value><array><data/></array></value></member></struct></value>',
    '</data></array></value></param></params></methodCall>',
  ],
  ['<methodCall><methodName>heartbeat</methodName><params><param><value>', '&lt;', `</value>${END}`],
];

/** Every bomb there is, each of so many bytes or a little less. */
export function everyBomb(bytes: number): Buffer[] {
  return BOMBS.map((bomb) => exploded(bomb, bytes));
}

export function bombOf(chance: Chance, bytes: number): Buffer {
  return exploded(chance.pick(BOMBS), chance.between(1_000, bytes));
}

function exploded([before, repeated, after]: Bomb, bytes: number): Buffer {
  const isNumbered = repeated.includes('@');
  const count = Math.max(
    1,
    Math.floor((bytes - before.length - after.length) / (repeated.length + (isNumbered ? 5 : 0))),
  );
  const middle = isNumbered
    ? Array.from({ length: count }, (_, at) => repeated.replace('@', String(at))).join('')
    : repeated.repeat(count);
  return Buffer.from(before + middle + after, 'latin1');
}
