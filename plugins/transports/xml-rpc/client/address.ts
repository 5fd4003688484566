import { RegistryError } from '../../../../core/errors.js';

/** Where a registry is. */
export interface Address {
  /** As people are shown it: without user and password. */
  readonly url: string;
  readonly isTls: boolean;
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  readonly port: number;
  /** What the `Host` header says. */
  readonly host: string;
  readonly path: string;
  /** HTTP Basic, from a user and a password in the URL (RFC 7617, UTF-8). */
  readonly authorization: string | undefined;
}

/** Takes a registry's URL apart, such as `http://127.0.0.1:8800` or `https://user:secret@registry.internal/RPC2`. */
export function parseAddress(url: string): Address {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new RegistryError(
      'INVALID_ARGUMENT',
      `"${url}" is no address of a registry; expected one such as http://127.0.0.1:8800.`,
    );
  }
  const isTls = parsed.protocol === 'https:';
  const { username, password } = parsed;
  parsed.username = '';
  parsed.password = '';
  parsed.hash = '';
  return {
    url: parsed.href.replace(/\/$/, ''),
    isTls,
    hostname: parsed.hostname.replace(/^\[|\]$/g, ''),
    port: Number(parsed.port || (isTls ? 443 : 80)),
    host: parsed.host,
    path: `${parsed.pathname}${parsed.search}`,
    authorization:
      username === '' && password === ''
        ? undefined
        : `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`,
  };
}

/** URL leaves a `%` alone that begins no escape. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
