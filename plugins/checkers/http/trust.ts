import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Recent } from './recent.js';

/** A context takes some 50 KB and half a millisecond, and instances of one service mostly share theirs. */
const MOST_CONTEXTS = 64;
const LARGEST_CA = 256 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Whose certificates are trusted: what TLS makes of them is kept for the next check. */
export class Trust {
  readonly #ca: string | undefined;
  readonly #contexts = new Recent<string | undefined, SecureContext>(MOST_CONTEXTS);

  /** `ca`: PEM text, trusted where a check brings none of its own; else what Node trusts. */
  constructor(ca?: string) {
    this.#ca = ca;
  }

  contextFor(own: string | undefined): SecureContext {
    const ca = own ?? this.#ca;
    return this.#contexts.get(ca, () => createSecureContext(ca === undefined ? {} : { ca }));
  }
}

/** Why a text is no list of certificates; undefined where it is one. Node itself passes over what it can't read. */
export function objectionToCa(pem: string): string | undefined {
  if (pem.length > LARGEST_CA) return `it has more than ${LARGEST_CA} characters`;
  const certificates = pem.match(CERTIFICATE) ?? [];
  if (certificates.length === 0) return 'there is no -----BEGIN CERTIFICATE----- in it';
  for (const [index, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch {
      return `certificate ${index + 1} in it can't be read`;
    }
  }
  return undefined;
}
