import { spawnSync } from 'node:child_process';

/** Whether a program that some tests use is on this machine, and what to say in their names where it is not. */
export interface Need {
  readonly isMet: boolean;
  readonly note: string;
}

/** Looks for a program of the machine that does as it is asked, without an error. In CI, which installs them all, a missing one is an error and not a skipped test. */
export function needs(command: string, ...probe: string[]): Need {
  const { error, status } = spawnSync(command, probe, { stdio: 'ignore' });
  const isMet = error === undefined && (probe.length === 0 || status === 0);
  if (!isMet && process.env.ROLLCALL_REQUIRE_PEERS) throw new Error(`${command} is not on this machine`);
  return { isMet, note: isMet ? '' : ` (skipped: needs ${command})` };
}
