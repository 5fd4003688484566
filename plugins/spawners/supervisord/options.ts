import { z } from 'zod';

const MOST_SERVERS = 64;

const credential = z.string().max(256);

/** One supervisord: where its XML-RPC API is. */
const server = z
  .strictObject({
    url: z
      .string()
      .max(1_024)
      .regex(
        /^(http:\/\/[^/@\s]+\/?|unix:\/\/\/[^\u0000]+)$/,
        "expected 'http://HOST:PORT' of its [inet_http_server], or 'unix:///PATH' of its [unix_http_server]",
      )
      .refine((url) => url.startsWith('unix:') || URL.canParse(url), { error: 'expected a URL' }),
    user: credential.regex(/^[^:]*$/, 'expected a user without ":"').optional(),
    password: credential.optional(),
  })
  .refine(({ user, password }) => (user === undefined) === (password === undefined), {
    error: 'expected either both of `user` and `password`, or neither',
  });
export type ServerOptions = z.output<typeof server>;

export const supervisordOptions = z.strictObject({
  servers: z
    .record(
      z.string().regex(/^\w[\w.-]{0,63}$/, 'expected a name of letters, digits, "_", "." and "-"'),
      server,
    )
    .refine((servers) => Object.keys(servers).length >= 1 && Object.keys(servers).length <= MOST_SERVERS, {
      error: `expected one server, and at most ${MOST_SERVERS}`,
    }),
});

/** What a service's spec says beside what the supervisor reads. */
export const supervisordSpec = z.strictObject({
  /** The name that supervisord has for it. */
  program: z
    .string()
    .regex(
      /^[^\s:*/\u0000]{1,128}(:[^\s:*/\u0000]{1,128})?$/,
      "expected 'name' or 'group:name', as `supervisorctl status` lists it",
    ),
  /** Which of the plugin's `servers`; may be left out where there is one. */
  on: z.string().min(1).max(64).optional(),
});
