import type { Clock } from '../../../../core/index.js';
import { type Disk, nodeDisk } from '../disk.js';
import { fileName } from '../layout.js';
import { lookAtLock } from '../lock.js';
import { type Finding, findingOf, MEANS } from './findings.js';
import { countedNames, type HeldFolder, holdFolder } from './hold-folder.js';
import { verifyJournals } from './verify-journals.js';
import { type FileReport, verifySnapshot } from './verify-snapshot.js';

export interface Verification {
  readonly path: string;
  /** Whether a registry used the folder meanwhile: then this is how it was when the reading began. */
  readonly isLive: boolean;
  readonly files: readonly FileReport[];
  /** All that is wrong. Where there is none, every byte of every file that counts is accounted for. */
  readonly findings: readonly Finding[];
  /** Files of the store that no longer count, and that were not read. */
  readonly leftovers: readonly string[];
  /** Folders that keep what was there before the format changed. They were not read. */
  readonly kept: readonly string[];
  /** What else lies in the folder. */
  readonly others: readonly string[];
}

/** Reads every byte of a data folder that counts and tells all that is wrong, not only the first. Changes nothing. */
export async function verify(path: string, clock: Clock, disk: Disk = nodeDisk): Promise<Verification> {
  for (;;) {
    const held = await holdFolder(disk, path, clock);
    try {
      const found = await verifyHeld(held, clock);
      // A registry that has started meanwhile may have been taken for damage.
      const isSure = found.findings.length === 0 || held.isLive || (await lookAtLock(path)).kind !== 'alive';
      if (isSure) return found;
    } finally {
      await held.close();
    }
  }
}

async function verifyHeld(held: HeldFolder, clock: Clock): Promise<Verification> {
  const { path, isLive, layout } = held;
  const findings: Finding[] = [];
  const tell = (finding: Finding) => findings.push(finding);
  const files: FileReport[] = [];
  if (layout.snapshot !== undefined) {
    try {
      files.push(await verifySnapshot(held, layout.snapshot, clock, tell));
    } catch (error) {
      tell(findingOf(fileName('snapshot', layout.snapshot), error));
    }
  }
  for (const number of layout.missing) {
    const hint = layout.snapshot === undefined && number === 1 ? ', or the snapshot that replaced it' : '';
    tell({ file: fileName('journal', number), at: 0, what: `it is missing${hint}`, meaning: MEANS.missing });
  }
  const { reports, unused } = await verifyJournals(held, clock, tell);
  files.push(...reports);
  const leftovers = [...layout.leftovers, ...unused];
  return { path, isLive, files, findings, leftovers, ...othersOf(held) };
}

/** What else lies in a folder, or is kept there. */
export function othersOf({ names, layout }: Pick<HeldFolder, 'names' | 'layout'>) {
  const own = new Set(['lock', 'lock.takeover', ...countedNames(layout), ...layout.leftovers]);
  const isKept = (name: string) => /^format-\d+-before-\d+$/.test(name);
  return {
    kept: names.filter(isKept),
    others: names.filter((name) => !own.has(name) && !isKept(name)),
  };
}
