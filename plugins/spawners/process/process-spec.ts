import { z } from 'zod';
import { commandSchema, environmentSchema, systemText } from '../../../core/index.js';
import { limitsSchema } from './limits.js';

/** (uid_t)-1 means "leave it as it is" to the system. */
const MOST_UID = 2 ** 32 - 2;
const USER = "expected a user's name, or a number: 'www-data', 1000, or '1000:1000' with a group";

const user = z
  .union([z.int().min(0).max(MOST_UID), z.string()], { error: USER })
  .transform(String)
  .refine((given) => /^(\d+(:\d+)?|[A-Za-z_][\w.@+-]{0,127}\$?)$/.test(given), { error: USER })
  .refine((given) => given.split(':').every((part) => !(Number(part) > MOST_UID)), {
    error: `expected numbers of at most ${MOST_UID}`,
  });

/** What a service's spec says beside what the supervisor reads. */
export const processSpec = z.strictObject({
  /** The program and its arguments; no shell reads them. */
  command: commandSchema("['node', 'app.js']"),
  /** Where it runs; the folder of the config file unless it is said. */
  cwd: systemText(4_096).min(1).optional(),
  env: environmentSchema.optional(),
  /** Whose rights it has; the registry's own unless it is said. */
  user: user.optional(),
  limits: limitsSchema.optional(),
  /** How much it gives way to others: from -20 to 19, the most. */
  nice: z.int({ error: 'expected a whole number from -20 to 19' }).min(-20).max(19).optional(),
});

export type ProcessSpec = z.output<typeof processSpec>;
