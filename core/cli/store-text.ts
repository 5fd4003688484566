import type { loadStoreTools } from '../../plugins/index.js';
import { printable, table } from './output.js';

type Tools = Awaited<ReturnType<typeof loadStoreTools>>;
type Inspection = Awaited<ReturnType<Tools['inspect']>>;
type Verification = Awaited<ReturnType<Tools['verify']>>;

/** A number with its thousands set apart. */
export function grouped(value: number): string {
  return value.toLocaleString('en');
}

/** What `rollcall store inspect` shows a person. */
export function inspectionText(found: Inspection): string {
  const { path, files, state, damage } = found;
  const parts = [`${printable(path)}`];
  const facts: [string, string][] = [['lock', lockText(found.lock)]];
  if (state !== undefined) {
    facts.unshift(
      ['epoch', state.epoch],
      ['home', state.home],
      ['revision', revisionText(state)],
      ['next id', String(state.nextId)],
      ['closed', closedText(found, state)],
    );
  }
  parts.push(facts.map(([name, text]) => `  ${name.padEnd(9)} ${printable(text)}`).join('\n'));
  if (files.length > 0) parts.push(filesTable(files));
  if (state !== undefined) {
    const rows = state.collections.map(({ name, keys, bytes }) => [name, grouped(keys), grouped(bytes)]);
    parts.push(
      rows.length === 0 ? 'It holds no keys.' : table(['COLLECTION', 'KEYS', 'BYTES OF JSON'], rows),
    );
  }
  parts.push(...namesText(found));
  if (damage !== undefined) {
    parts.push(`DAMAGED. ${printable(damage)}\n\`rollcall store verify\` tells all that is wrong.`);
  }
  return parts.join('\n\n');
}

/** What `rollcall store verify` shows a person. */
export function verificationText(found: Verification): string {
  const { path, isLive, files, findings } = found;
  const parts: string[] = [printable(path)];
  if (files.length > 0) parts.push(filesTable(files));
  const told: string[] = [];
  for (const [index, { file, at, what, meaning }] of findings.entries()) {
    told.push(`${file}, byte ${at}: ${printable(what)}.`);
    // What several in a row mean is said once.
    if (findings[index + 1]?.meaning !== meaning)
      parts.push([...told.splice(0), `  ${printable(meaning)}`].join('\n'));
  }
  parts.push(...namesText(found));
  const verdict =
    findings.length === 0
      ? 'Every byte is accounted for.'
      : `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}.`;
  parts.push(isLive ? `${verdict} A registry uses the folder; this is how it was a moment ago.` : verdict);
  return parts.join('\n\n');
}

function filesTable(files: Inspection['files']): string {
  const rows = files.map(({ name, format, bytes, records, zeroed }) => [
    name,
    format ?? '?',
    grouped(bytes),
    grouped(records),
    grouped(zeroed),
  ]);
  return table(['FILE', 'FORMAT', 'BYTES', 'RECORDS', 'ZEROED AHEAD'], rows);
}

function lockText({ kind, holder }: Inspection['lock']): string {
  const who = holder === undefined ? '' : `process ${holder.pid} on ${holder.host}, since ${holder.since}`;
  if (kind === 'alive') return `held by ${who}`;
  if (kind === 'dead') return `left by ${who}, which has ended; the next start takes it over`;
  return kind === 'free' ? 'free' : 'unreadable: someone takes it just now, or it is damaged';
}

function closedText({ lock }: Inspection, { isClean, torn }: NonNullable<Inspection['state']>): string {
  if (isClean) return 'yes: the next start goes on with this epoch';
  if (lock.kind === 'alive') return 'no, it is in use';
  const end = torn > 0 ? ', and cuts off a half-written end' : '';
  return `no: the next start begins a new epoch${end}`;
}

function revisionText({ revision, unnumbered }: NonNullable<Inspection['state']>): string {
  if (unnumbered === 0) return String(revision);
  const commits = unnumbered === 1 ? 'one commit is' : `${unnumbered} commits are`;
  return `${revision}; ${commits} stored whose revision is not yet`;
}

function namesText({ leftovers, kept, others }: Verification | Inspection): string[] {
  const groups: [string, readonly string[]][] = [
    ['No longer needed, removed by the next start', leftovers],
    ['Kept from before the format changed, yours to remove', kept],
    ["Not the store's, left alone", others],
  ];
  return groups
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.map(printable).join(', ')}`);
}
