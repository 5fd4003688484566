import type { By, Change, Commit, Durability, Precondition } from './store.js';

/** A commit of ours, with what there is to know of it while it is under way. */
export class OwnCommit implements Commit {
  readonly changes: readonly Change[];
  readonly by: By;
  readonly durability: Durability;
  revision?: number;
  isUnderWay = false;
  /** Those that were built on it. */
  dependents: readonly OwnCommit[] | undefined;

  constructor(changes: readonly Change[], by: By, durability: Durability) {
    this.changes = changes;
    this.by = by;
    this.durability = durability;
  }
}

/** The commit that a change was built on: only what is pending is ever named there, and that is ours. */
export function builtOn(when: Precondition | undefined): OwnCommit | undefined {
  return when?.kind === 'after' ? (when.commit as OwnCommit) : undefined;
}

/** A commit is no longer under way: it needs its preconditions no more, and each would keep the whole chain before it in memory. */
export function endCommit(commit: OwnCommit): void {
  commit.isUnderWay = false;
  commit.dependents = undefined;
  for (const change of commit.changes as readonly { when?: Precondition }[]) {
    if (change.when?.kind === 'after') delete change.when;
  }
}
