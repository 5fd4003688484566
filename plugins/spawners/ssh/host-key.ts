import { createHash, timingSafeEqual } from 'node:crypto';

/** What a host's key must be, as the configuration says it. */
export type HostKey = { readonly fingerprint: string } | { readonly type: string; readonly blob: Buffer };

const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}=?$/;
const LINE = /^([a-z0-9@.-]{1,64}) ([A-Za-z0-9+/]{16,8192}={0,2})(?:\s.*)?$/;

/** Reads `SHA256:…`, or a line of a .pub file; undefined where it is neither. */
export function parseHostKey(text: string): HostKey | undefined {
  const given = text.trim();
  if (FINGERPRINT.test(given)) return { fingerprint: given.replace(/=$/, '') };
  const [, type, base64] = LINE.exec(given) ?? [];
  if (type === undefined || base64 === undefined) return undefined;
  const blob = Buffer.from(base64, 'base64');
  return typeOf(blob) === type ? { type, blob } : undefined;
}

/** Whether the key that a host shows is the expected one. */
export function isHostKey(expected: HostKey, shown: Buffer): boolean {
  if ('fingerprint' in expected) return fingerprintOf(shown) === expected.fingerprint;
  return expected.blob.length === shown.length && timingSafeEqual(expected.blob, shown);
}

/** As `ssh-keygen -l` writes it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The algorithm's name, which is the first string in a key (RFC 4253, 6.6). */
export function typeOf(blob: Buffer): string {
  if (blob.length < 4) return '';
  const length = blob.readUInt32BE(0);
  return length > 64 ? '' : blob.toString('latin1', 4, 4 + length);
}

/** The algorithms of a signature that a key of this type makes: a host may have several keys, and is asked for this one. */
export function algorithmsFor(expected: HostKey): string[] | undefined {
  if ('fingerprint' in expected) return undefined;
  return expected.type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [expected.type];
}
