import { spawnSync } from 'node:child_process';

/** Whether a program that some tests use is on this machine, and what to say in their names where it is not. */
export interface Need {
  readonly isMet: boolean;
  readonly note: string;
}

/** Looks for a program of the machine that does as it is asked, without an error. In CI, which installs them all, a missing one is an error and not a skipped test. */
export function needs(command: string, ...probe: string[]): Need {
  const isMet = does(command, probe);
  if (!isMet && process.env.ROLLCALL_REQUIRE_PEERS) throw new Error(`${command} is not on this machine`);
  return need(isMet, command);
}

/**
 * The same for what packages of Debian bring, under their names. In CI nothing is looked for, which took seconds with
 * many of them: there the test itself fails without.
 */
export function needsPackages(packages: string, command: string, ...probe: string[]): Need {
  return need(process.env.ROLLCALL_REQUIRE_PEERS ? true : does(command, probe), packages);
}

function does(command: string, probe: readonly string[]): boolean {
  const { error, status } = spawnSync(command, probe, { stdio: 'ignore' });
  return error === undefined && (probe.length === 0 || status === 0);
}

function need(isMet: boolean, what: string): Need {
  return { isMet, note: isMet ? '' : ` (skipped: needs ${what})` };
}
