import { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { z } from 'zod';

/** Certificates in PEM, one after another. */
export const certificates = z
  .string()
  .max(65_536)
  .refine(isCertificate, { error: 'expected certificates in PEM, -----BEGIN CERTIFICATE-----…' });

/** Node takes no notice of text that is none, and would then trust nobody. */
function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0;
  } catch {
    return false;
  }
}

/** How a check asks for TLS. Certificates as text and no paths: a registration must not have files read. */
export const tlsOptions = z.union(
  [
    z.boolean(),
    z.strictObject({
      ca: certificates.optional(),
      /** Takes any certificate. */
      insecure: z.boolean().optional(),
      // It goes over the wire as it is, before anything is encrypted: a line in it would be a command to whatever listens.
      servername: z
        .string()
        .max(253)
        .regex(/^[a-z0-9_.:-]+$/i, 'expected a host name')
        .optional(),
    }),
  ],
  { error: 'expected true, or an object of ca, insecure and servername' },
);
export type TlsOptions = Exclude<z.output<typeof tlsOptions>, false>;

/** Secures a connection; rejects with what is wrong with the other side's certificate. */
export function secure(
  socket: Socket,
  host: string,
  tls: TlsOptions,
  context: SecureContext,
): Promise<TLSSocket> {
  const { servername = host, insecure = false } = tls === true ? {} : tls;
  return new Promise((resolve, reject) => {
    const secured = connect({
      socket,
      host: servername,
      // A name that is an address may not be sent (RFC 6066, 3); `host` is what certificates are held against then.
      ...(isIP(servername) === 0 && { servername }),
      secureContext: context,
      rejectUnauthorized: !insecure,
      ALPNProtocols: ['h2'],
    });
    secured.once('secureConnect', () => resolve(secured));
    // Stays on: without a listener, an error that comes late would end the process.
    secured.on('error', reject);
    secured.once('close', () => reject(new Error('the connection was closed during the TLS handshake')));
  });
}
