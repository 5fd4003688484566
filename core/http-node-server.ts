import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { RegistryError } from './errors.js';
import type { DoorLimits } from './http-door.js';
import type { Doorway } from './http-doorway.js';
import { connectionsAllowed, openFilesLimit } from './open-files.js';

/** How often timeouts are looked at. */
export function tickMs({ headersTimeoutMs, requestTimeoutMs }: DoorLimits): number {
  return Math.min(1000, Math.ceil(Math.min(headersTimeoutMs, requestTimeoutMs) / 2));
}

/**
 * The server of node:http or node:https behind an address, with the limits of its first door. Throws `INVALID_ARGUMENT` if
 * the certificate or key cannot be used.
 */
export function createNodeServer({ spec, limits }: Doorway): Server {
  const checkingInterval = tickMs(limits);
  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs),
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: checkingInterval,
    // The host rule wants one Host: two, joined, are none.
    joinDuplicateHeaders: true,
    requireHostHeader: false,
  };
  let server: Server;
  if (spec.tls === undefined) {
    server = createHttpServer(options);
  } else {
    try {
      server = createHttpsServer({ ...options, ...spec.tls, handshakeTimeout: limits.headersTimeoutMs });
    } catch (error) {
      const text = `The TLS certificate or key of the plugin "${spec.plugin}" cannot be used; expected PEM text that fits together`;
      throw new RegistryError('INVALID_ARGUMENT', text, { cause: error });
    }
  }
  server.maxConnections = connectionsAllowed(limits.connections, openFilesLimit());
  // Its default is to end a connection when its peer does, answered or not. It has no type, since it is not documented.
  Object.assign(server, { httpAllowHalfOpen: true });
  // Called by close: node's own cuts off answers that are not yet written out. Idle ones are closed by `drain`.
  server.closeIdleConnections = () => {};
  // Later than the 408 of a peer that is slow to send.
  server.timeout = limits.requestTimeoutMs + 2 * checkingInterval;
  return server;
}
