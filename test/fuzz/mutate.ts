import { Chance } from '../support/chance.js';
import { bombOf } from './bombs.js';
import { CORPUS } from './corpus.js';

export const MEGABYTE = 1_000_000;
/** Processor time that reading a megabyte may take, or any shorter message. */
export const MS_A_MEGABYTE = 50;

/** What the grammar is made of, and what breaks it; read as Latin-1, so that any bytes can be said. */
const TOKENS = [
  ...[
    '<',
    '>',
    '/',
    '&',
    ';',
    '"',
    "'",
    '=',
    ' ',
    '\n',
    '\r',
    '\t',
    '\0',
    '\x0b',
    '\x7f',
    '\x85',
    '\xff',
    ']]>',
    '--',
    '-->',
  ],
  ...[
    '<![CDATA[',
    '<!--',
    '<?',
    '?>',
    '<?xml version="1.0"?>',
    '<!DOCTYPE a [<!ENTITY b "c">]>',
    '<?a b?>',
    '<!---->',
  ],
  ...[
    '&lt;',
    '&amp;',
    '&#x41;',
    '&#0;',
    '&#x110000;',
    '&#xD800;',
    '&b;',
    '&#',
    '&#99999999999999999999;',
    '&#13;',
  ],
  ...[
    '<value>',
    '</value>',
    '<value/>',
    '<string>',
    '</string>',
    '<int>',
    '</int>',
    '<i8>',
    '<double>',
    '<boolean>',
    '<nil/>',
  ],
  ...[
    '<array><data>',
    '</data></array>',
    '<struct>',
    '</struct>',
    '<member>',
    '</member>',
    '<name>',
    '</name>',
    '<params>',
  ],
  ...[
    '<param>',
    '</param>',
    '<fault/>',
    '<base64>',
    '<dateTime.iso8601>',
    '<methodName>',
    '</methodCall>',
    '<ex:nil/>',
  ],
  ...[
    ' a="b"',
    ' xmlns:a="b"',
    ' encoding="utf-16"',
    ' encoding="windows-1252"',
    ' encoding="latin1"',
    '\xef\xbb\xbf',
    '\xff\xfe',
  ],
  ...[
    '\xc0\x80',
    '\xed\xa0\x80',
    '\xef\xbf\xbf',
    '\xf0\x9f\x98\x80',
    '\xc3\xa4',
    '\xf5\x80\x80\x80',
    '__proto__',
    'constructor',
  ],
  ...[
    '2147483648',
    '-0',
    '1e999',
    '0x10',
    '+',
    'NaN',
    '9223372036854775808',
    '99991231T23:59:59',
    '$where',
    '$regex',
    '(',
  ],
];

type Mutation = (text: string, chance: Chance) => string;

const at = (text: string, chance: Chance) => chance.below(text.length + 1);

/** Bytes: what a broken wire does. */
const BYTES: readonly Mutation[] = [
  (text, chance) => {
    const place = at(text, chance);
    const flipped = (text.charCodeAt(place) || 0) ^ (1 << chance.below(8));
    return text.slice(0, place) + String.fromCharCode(flipped & 0xff) + text.slice(place + 1);
  },
  (text, chance) => text.slice(0, at(text, chance)),
  (text, chance) => {
    const place = at(text, chance);
    return text.slice(0, place) + text.slice(place + chance.between(1, 20));
  },
  (text, chance) => {
    const place = at(text, chance);
    const copied = text.slice(place, place + chance.between(1, 60));
    return text.slice(0, place) + copied.repeat(chance.between(2, 5)) + text.slice(place + copied.length);
  },
];

/** Text: what an attacker writes. */
const TEXT: readonly Mutation[] = [
  (text, chance) => {
    const place = at(text, chance);
    return text.slice(0, place) + chance.pick(TOKENS) + text.slice(place);
  },
  (text, chance) => {
    const place = at(text, chance);
    return text.slice(0, place) + chance.pick(TOKENS) + text.slice(place + chance.between(1, 12));
  },
  // A piece of another client's message.
  (text, chance) => {
    const other = chance.pick(CORPUS).toString('latin1');
    const from = at(other, chance);
    const place = at(text, chance);
    return text.slice(0, place) + other.slice(from, from + chance.between(1, 200)) + text.slice(place);
  },
];

/** Tags: dropped, doubled, swapped, renamed, put around another. */
const TAGS: readonly Mutation[] = [
  (text, chance) => onTag(text, chance, () => ''),
  (text, chance) => onTag(text, chance, (tag) => tag + tag),
  (text, chance) => onTag(text, chance, () => chance.pick(TOKENS)),
  (text, chance) =>
    onTag(text, chance, (tag) =>
      tag.replace('>', chance.pick([' >', '/>', ' a="b">', '\r\n>', ' xmlns="x">'])),
    ),
  (text, chance) => onTag(text, chance, (tag) => tag.toUpperCase()),
  (text, chance) => onTag(text, chance, (tag) => `<!-- ${tag} -->${tag}`),
  (text, chance) => onTag(text, chance, (tag) => `<value><array><data>${tag}`),
  (text, chance) => {
    const tags = tagsOf(text);
    const [first, second] = [chance.pick(tags), chance.pick(tags)].sort(
      (a, b) => (a?.index ?? 0) - (b?.index ?? 0),
    );
    if (first === undefined || second === undefined || first === second) return text;
    const between = text.slice(first.index + first[0].length, second.index);
    return (
      text.slice(0, first.index) +
      second[0] +
      between +
      first[0] +
      text.slice(second.index + second[0].length)
    );
  },
  // The text of an element, in place of what it was.
  (text, chance) => onTag(text, chance, (tag) => tag + chance.pick(TOKENS)),
];

function tagsOf(text: string): RegExpExecArray[] {
  return [...text.matchAll(/<[^<>]*>/g)];
}

function onTag(text: string, chance: Chance, change: (tag: string) => string): string {
  const tag = chance.pick(tagsOf(text));
  if (tag === undefined) return text;
  return text.slice(0, tag.index) + change(tag[0]) + text.slice(tag.index + tag[0].length);
}

/** The same message, or what claims to be it, in another encoding. */
function recoded(body: Buffer, chance: Chance): Buffer {
  const text = body.toString('utf8');
  switch (chance.below(6)) {
    case 0:
      return Buffer.from(`\ufeff${text}`, 'utf16le');
    case 1:
      return Buffer.from(text, 'utf16le').swap16();
    case 2:
      return Buffer.from(text, 'latin1');
    case 3:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), body]);
    case 4:
      return body.subarray(chance.below(3));
    default:
      return Buffer.from(
        text.replace(
          /encoding=["'][^"']*["']/,
          `encoding="${chance.pick(['utf-16', 'utf-8', 'latin-1', 'koi8-r', 'utf-7', 'x'])}"`,
        ),
      );
  }
}

/** The input of this number in the run of this seed. */
export function inputOf(seed: number, index: number, bombBytes: number): Buffer {
  return mutant(new Chance(seed * 1_000_003 + index), bombBytes);
}

/** One input: a real message after a few mutations; one in fifty is a bomb of up to `bombBytes`. */
function mutant(chance: Chance, bombBytes: number): Buffer {
  if (chance.is(0.02)) return bombOf(chance, bombBytes);
  let body = chance.pick(CORPUS);
  for (let left = chance.between(1, 4); left > 0; left--) {
    const kind = chance.next();
    if (kind < 0.05) body = recoded(body, chance);
    else {
      const mutation = chance.pick(kind < 0.25 ? BYTES : kind < 0.55 ? TEXT : TAGS);
      body = Buffer.from(mutation(body.toString('latin1'), chance), 'latin1');
    }
  }
  return body;
}
