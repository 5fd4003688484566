import { z } from 'zod';
import { commandSchema, environmentSchema, systemText } from '../../../core/index.js';
import { parseHostKey } from './host-key.js';

const MOST_HOSTS = 256;

const path = systemText(4_096).min(1);

const hostKey = z
  .string()
  .max(16_384)
  .transform((given, context) => {
    const key = parseHostKey(given);
    if (key !== undefined) return key;
    context.addIssue({
      code: 'custom',
      message:
        "expected the key that the host shows: 'SHA256:…' as `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` says it there, or the line of that file",
    });
    return z.NEVER;
  });

/** One host on which programs are started. */
export const hostOptions = z.strictObject({
  host: z.string().min(1).max(253),
  port: z.int().min(1).max(65_535).default(22),
  /** The user there; the one who runs the registry unless it is said. */
  user: systemText(256).min(1).optional(),
  /** A file with an OpenSSH or PEM private key without a passphrase. */
  privateKey: path,
  hostKey,
  /** Where callers reach what runs there; `host` unless it is said. */
  address: z.string().min(1).max(253).optional(),
  /** Where logs and the state of programs are kept there, relative to the user's home. */
  folder: path.default('.local/state/rollcall'),
  /** What programs there are told as ROLLCALL_URL. */
  registryUrl: z.url().max(2_048).optional(),
});
export type HostOptions = z.output<typeof hostOptions>;

export const sshOptions = z.strictObject({
  hosts: z
    .record(
      z.string().regex(/^[\w][\w.-]{0,63}$/, 'expected a name of letters, digits, "_", "." and "-"'),
      hostOptions,
    )
    .refine((hosts) => Object.keys(hosts).length <= MOST_HOSTS, {
      error: `expected at most ${MOST_HOSTS} hosts`,
    }),
});

/** What a service's spec says beside what the supervisor reads. */
export const sshSpec = z.strictObject({
  /** Which of the plugin's `hosts`. */
  on: z.string().min(1).max(64),
  /** The program and its arguments; no shell reads them. */
  command: commandSchema("['node', 'app.js']")
    // What starts it there would take the one for an option, the other for a variable.
    .refine(([program = '']) => !/^-|=/.test(program), {
      error: 'expected a program without "=" in its name or "-" before it',
    }),
  /** Where it runs, relative to the user's home there; that home unless it is said. */
  cwd: path.optional(),
  env: environmentSchema.optional(),
  /** The file there that takes what it prints, relative to the user's home. */
  log: path.optional(),
});
export type SshSpec = z.output<typeof sshSpec>;
