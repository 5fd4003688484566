import { spawnSync } from 'node:child_process';

/** Whether a program that some tests use is on this machine, and what to say in their names where it is not. */
export interface Need {
  readonly isMet: boolean;
  readonly note: string;
}

/** Looks for a program of the machine. In CI, which installs them all, a missing one is an error and not a skipped test. */
export function needs(command: string, ...probe: string[]): Need {
  const isMet = spawnSync(command, probe, { stdio: 'ignore' }).error === undefined;
  if (!isMet && process.env.ROLLCALL_REQUIRE_PEERS) throw new Error(`${command} is not on this machine`);
  return { isMet, note: isMet ? '' : ` (skipped: needs ${command})` };
}
