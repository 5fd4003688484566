import { type Method, usage } from '../../plugins/transports/xml-rpc/method.js';
import { STRUCTS, type StructSpec } from '../../plugins/transports/xml-rpc/methods/structs.js';
import {
  INTROSPECTION,
  METHODS,
  type MethodSpec,
  MICROREG,
  OWN,
} from '../../plugins/transports/xml-rpc/methods/table.js';

const SECTIONS = { "MicroReg's six": MICROREG, More: OWN, Introspection: INTROSPECTION };

/** What docs/xml-rpc.md says of methods and structs, between its two marks. */
export function renderMethods(): string {
  const lines: string[] = [];
  for (const [title, methods] of Object.entries(SECTIONS)) {
    lines.push(`## ${title}`, '');
    for (const name of Object.keys(methods)) lines.push(...methodLines(name));
  }
  lines.push('## Structs', '');
  for (const [name, struct] of Object.entries(STRUCTS)) lines.push(...structLines(name, struct));
  return lines.join('\n').trimEnd();
}

/** The page with what is between its marks rendered anew. */
export function renderPage(page: string): string {
  const begin = page.indexOf('\n', page.indexOf('<!-- begin'));
  const end = page.indexOf('<!-- end');
  if (begin < 0 || end < begin)
    throw new Error('docs/xml-rpc.md lacks its marks <!-- begin … --> and <!-- end … -->');
  return `${page.slice(0, begin)}\n\n${renderMethods()}\n\n${page.slice(end)}`;
}

function methodLines(name: string): string[] {
  const spec = (METHODS as { readonly [name: string]: MethodSpec })[name] as MethodSpec;
  const parameters = spec.parameters.map(({ name, type, optional }) => ({
    name,
    type,
    isOptional: optional === true,
  }));
  const takes = parameters.map(({ name, type }) => `${name}: ${inWords(type)}`).join('; ');
  return [
    `### \`${usage({ name, parameters: parameters as unknown as Method['parameters'] })}\``,
    '',
    spec.help,
    '',
    `${takes === '' ? '' : `Takes ${takes}. `}Answers ${inWords(spec.returns)}.`,
    '',
  ];
}

function structLines(name: string, { says, members }: StructSpec): string[] {
  const rows = Object.entries(members).map(([member, { type, optional, says }]) => [
    `\`${member}\``,
    inWords(type),
    optional ? 'may be left out' : 'always',
    says,
  ]);
  return [`### ${name}`, '', says, '', ...table([['member', 'type', 'there', 'what it is'], ...rows]), ''];
}

/** A type of the table in words, structs with a link to what they hold. */
function inWords(type: string): string {
  return type.split('|').map(oneInWords).join(' or ');
}

function oneInWords(type: string): string {
  if (type.endsWith('[]')) return `array of ${oneInWords(type.slice(0, -2))}`;
  const any = /^struct<(.+)>$/.exec(type)?.[1];
  if (any !== undefined) return `struct of ${oneInWords(any)}`;
  if (type === 'Address') return 'array [host, port]';
  if (type === 'false') return 'boolean False';
  return type in STRUCTS ? `[${type}](#${type.toLowerCase()})` : type;
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string[] {
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}
