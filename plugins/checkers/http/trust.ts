import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';

/** A context takes some 50 KB and half a millisecond, and instances of one service mostly share theirs. */
const MOST_CONTEXTS = 64;
const LARGEST_CA = 256 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Whose certificates are trusted: what TLS makes of them is kept for the next check. */
export class Trust {
  readonly #ca: string | undefined;
  readonly #contexts = new Map<string | undefined, SecureContext>();

  /** `ca`: PEM text, trusted where a check brings none of its own; else what Node trusts. */
  constructor(ca?: string) {
    this.#ca = ca;
  }

  contextFor(own: string | undefined): SecureContext {
    const ca = own ?? this.#ca;
    const context = this.#contexts.get(ca) ?? createSecureContext(ca === undefined ? {} : { ca });
    // The one that was used longest ago makes room.
    this.#contexts.delete(ca);
    this.#contexts.set(ca, context);
    if (this.#contexts.size > MOST_CONTEXTS) {
      for (const oldest of this.#contexts.keys()) {
        this.#contexts.delete(oldest);
        break;
      }
    }
    return context;
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
