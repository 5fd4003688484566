import { z } from 'zod';

/** Text that the system takes as an argument, a path or a variable: it ends at U+0000. At most `max` characters. */
export const systemText = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[^\u0000]*$/, 'expected text without U+0000');

/** A program and its arguments, which no shell reads. `example` is what a wrong one is told, as it is written. */
export const commandSchema = (example: string) =>
  z
    .array(systemText(32_768), {
      error: `expected an array of a program and its arguments, such as ${example}`,
    })
    .min(1, { error: 'expected at least the name of a program' })
    .max(1_024)
    .refine(([program]) => program !== '', {
      error: 'expected the name of a program first, not an empty text',
    });

/** Variables of a program's environment. */
export const environmentSchema = z.record(
  z.string().regex(/^[^=\u0000]{1,256}$/, 'expected a variable name'),
  systemText(32_768),
);
