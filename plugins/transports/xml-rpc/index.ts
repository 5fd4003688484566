import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { definePlugin, duration, messageOf, RegistryError } from '../../../core/index.js';
import { XmlRpcDoor } from './door.js';
import { PAGE } from './page.js';
import { MAX_ANSWER } from './writer.js';

const pem = z.string().min(1);

export const xmlRpcOptions = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 is any free port. */
  port: z.int().min(0).max(65_535).default(8800),
  /** Names by which clients may call this door, beside this machine's own. */
  allowedHosts: z.array(z.string().min(1)).max(100).default([]),
  /** The operator's word that anyone may call, for a door beyond loopback. */
  anonymous: z.boolean().default(false),
  /** Files in PEM format. */
  tls: z
    .strictObject({ cert: pem, key: pem, ca: pem.optional(), requestCert: z.boolean().optional() })
    .optional(),
  /** Longest request body in bytes. */
  maxBody: z
    .int()
    .min(1_024)
    .max(64 * 1024 * 1024)
    .default(1024 * 1024),
  /** Longest answer in characters; what is beyond it is asked for in pages. */
  maxAnswer: z
    .int()
    .min(64 * 1024)
    .max(256 * 1024 * 1024)
    .default(MAX_ANSWER),
  /** How long a request may take to arrive. */
  requestTimeout: duration({ min: 100 }).prefault('30s'),
  /** How long a connection stays open without a request. */
  idleTimeout: duration({ min: 1_000 }).prefault('65s'),
  /** Connections at once, those of callers that wait included. */
  maxConnections: z.int().min(1).max(1_000_000).default(40_000),
});

/** XML-RPC over HTTP: MicroReg's six methods, unchanged on the wire, and Rollcall's own. */
export default definePlugin({
  name: 'xml-rpc',
  options: xmlRpcOptions,
  setup(api, options) {
    const read = (path: string) => {
      try {
        return readFileSync(api.resolvePath(path), 'utf8');
      } catch (error) {
        throw new RegistryError(
          'PLUGIN_OPTIONS',
          `plugin "xml-rpc": "tls": ${api.resolvePath(path)} cannot be read: ${messageOf(error)}`,
          { cause: error },
        );
      }
    };
    const { host, port, allowedHosts, anonymous, maxAnswer, maxConnections } = options;
    const tls = options.tls && {
      cert: read(options.tls.cert),
      key: read(options.tls.key),
      ...(options.tls.ca !== undefined && { ca: read(options.tls.ca) }),
      ...(options.tls.requestCert !== undefined && { requestCert: options.tls.requestCert }),
    };
    const door = new XmlRpcDoor(api, { maxAnswer });
    api.hooks.listen.tapPromise(async () => {
      await api.listen({
        host,
        port,
        paths: ['/', '/RPC2'],
        contentTypes: ['text/xml', 'application/xml'],
        allowedHosts,
        anonymous,
        page: { path: '/', html: PAGE },
        limits: {
          bodyBytes: options.maxBody,
          requestTimeoutMs: options.requestTimeout,
          keepAliveTimeoutMs: options.idleTimeout,
          connections: maxConnections,
          // A caller may have several under way, so a few connections are no reason for fewer requests.
          requestsInFlight: Math.max(40_000, maxConnections),
        },
        ...(tls && { tls }),
        handle: (request, reply) => door.handle(request, reply),
      });
    });
  },
});
