import { readFileSync } from 'node:fs';

/** What is kept for files and connections other than a door's: the store, programs that are started, checks. */
const MOST_RESERVED = 4096;

/**
 * How many connections a door may have, if the operator allows `wanted`: fewer where this process may open too few files.
 * One more file than it may open, and the system closes each new connection without a word, and the store can't open its
 * next file.
 */
export function connectionsAllowed(wanted: number, openFiles: number | undefined): number {
  if (openFiles === undefined) return wanted;
  return Math.min(wanted, Math.max(1, openFiles - openFilesReserved(openFiles)));
}

/** How many files of those that this process may open are not for the doors. */
export function openFilesReserved(openFiles = openFilesLimit()): number {
  return openFiles === undefined ? MOST_RESERVED : Math.min(MOST_RESERVED, Math.ceil(openFiles / 4));
}

/** Files that this process may have open at once (`ulimit -n`, as node has raised it); undefined where no system says so. */
export function openFilesLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}
