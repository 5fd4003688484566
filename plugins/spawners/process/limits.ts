import { z } from 'zod';
import { duration } from '../../../core/index.js';

const UNITS = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const;
const SIZE = "expected a size, such as '512M' or a number of bytes, or 'unlimited'";

/** Bytes: a number, or a string such as `'64K'`, `'512M'`, `'2G'`, in powers of 1024. */
const size = z.union([z.int().min(0), z.string()], { error: SIZE }).transform((given, context) => {
  if (given === 'unlimited') return given;
  const [, digits, unit] = /^(\d{1,15})([KMGT]?)$/.exec(String(given)) ?? [];
  const bytes = Number(digits) * UNITS[(unit ?? '') as keyof typeof UNITS];
  if (Number.isSafeInteger(bytes)) return String(bytes);
  context.addIssue({ code: 'custom', message: SIZE });
  return z.NEVER;
});

const count = z
  .union(
    [
      z
        .int()
        .min(0)
        .max(2 ** 31 - 1),
      z.literal('unlimited'),
    ],
    {
      error: "expected a whole number, or 'unlimited'",
    },
  )
  .transform(String);

/** What a program and each that it starts may use of the system, by setrlimit(2): soft and hard limit alike. */
export const limitsSchema = z.strictObject({
  /** Open files. */
  nofile: count.optional(),
  /** Processes and threads of the user altogether. */
  nproc: count.optional(),
  /** Address space, which is more than the memory in use. */
  memory: size.optional(),
  stack: size.optional(),
  /** What can't be swapped out. */
  memlock: size.optional(),
  /** A core file; 0 for none. */
  core: size.optional(),
  /** Any file that is written, the log file too. */
  fsize: size.optional(),
  /** Processor time in all. */
  cpu: duration({ min: 1_000 }).optional(),
});

export type Limits = z.output<typeof limitsSchema>;

/** The same as options of prlimit(1). */
export function prlimitOptions({ memory, cpu, ...others }: Limits): string[] {
  const options = Object.entries(others).map(([name, value]) => `--${name}=${value}`);
  if (memory !== undefined) options.push(`--as=${memory}`);
  if (cpu !== undefined) {
    const seconds = Math.ceil(cpu / 1_000);
    // With both alike it would be SIGKILL at once, and nobody knew why; the soft one sends SIGXCPU.
    options.push(`--cpu=${seconds}:${seconds + 1}`);
  }
  return options;
}
