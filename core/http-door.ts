import type { IncomingHttpHeaders } from 'node:http';

/** What one request may cost. A door states only what it wants otherwise than {@link DEFAULT_DOOR_LIMITS}. */
export interface DoorLimits {
  /** Longest request body, also after it was unpacked: 413 beyond. */
  readonly bodyBytes: number;
  /** Bytes of request bodies that the door holds at once, over all its requests: 503 beyond. */
  readonly heldBytes: number;
  /**
   * Bytes of answers that wait for their peers, over all connections to the address; one Buffer that many are sent counts
   * once. Beyond it those are cut off that took nothing for longest, of those that keep more than an equal share.
   */
  readonly unsentBytes: number;
  /** Requests of the door that are read or worked on at once, those that wait included: 503 beyond. */
  readonly requestsInFlight: number;
  /** Connections to the address; more are closed as they come. Fewer where this process may open fewer files. */
  readonly connections: number;
  /** Longest request head: 431 beyond. */
  readonly headerBytes: number;
  /** Time from the first byte to the end of the head: 408 beyond. */
  readonly headersTimeoutMs: number;
  /** Time to the end of the body, 408 beyond; and in which a peer has to take the next 64 KB of its answers, or the rest. */
  readonly requestTimeoutMs: number;
  /** How long a connection without a request stays open. */
  readonly keepAliveTimeoutMs: number;
}

export const DEFAULT_DOOR_LIMITS: DoorLimits = Object.freeze({
  bodyBytes: 1024 * 1024,
  heldBytes: 256 * 1024 * 1024,
  unsentBytes: 256 * 1024 * 1024,
  // Room for more than 10,000 callers that wait for a change beside those that call.
  requestsInFlight: 40_000,
  connections: 40_000,
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
});

/** Certificate and key of an https door, as PEM text. */
export interface DoorTls {
  readonly cert: string;
  readonly key: string;
  /** Whose certificates clients may show, with `requestCert`. */
  readonly ca?: string;
  /** Only clients with a certificate signed by `ca` get in. */
  readonly requestCert?: boolean;
}

/** One request, read whole, as a door gets it. */
export interface DoorRequest {
  readonly method: string;
  /** As sent, without the query: one of the door's paths. */
  readonly path: string;
  /** What follows the first `?`, undecoded; empty where there is none. */
  readonly query: string;
  /** To be read before it is answered, as `authorization`: not all are kept longer. */
  readonly headers: IncomingHttpHeaders;
  /**
   * Unpacked if it came as gzip or deflate; empty where there is none. To be read before `handle` returns or first waits:
   * it is let go of then, so that thousands of requests that wait cost little. Reading it later throws.
   */
  readonly body: Buffer;
  /** The peer's address; empty once it has gone. */
  readonly remote: string;
  readonly authorization: string | undefined;
  /**
   * Calls `tell` once if the peer goes away, or the door closes, while the request is under way; with what `signal` aborts
   * with. For who lets thousands wait: a signal with a listener takes 1 KB and 12 µs. Only the last `tell` given counts.
   */
  onGone(tell: (reason: Error) => void): void;
  /**
   * Aborts when the peer goes away or the door closes (its reason is then a RegistryError `STOPPING`, and an answer is
   * still delivered). Made when it is first read: requests that never wait don't pay for it.
   */
  readonly signal: AbortSignal;
}

/**
 * Answers a request, now or later: status (200 to 599), a content type or headers, body. Content-Length, Connection and
 * Date are set by the listener. Only the first call counts; after the peer has gone it does nothing. A Buffer is written as
 * it is, without a copy: one that many are answered with is held once.
 */
export type DoorReply = (
  status: number,
  headers: Readonly<Record<string, string>> | string,
  body: string | Buffer,
) => void;

/** What a person who opens a door in a browser is shown. */
export interface DoorPage {
  /** One of the door's paths. */
  readonly path: string;
  /** A whole document. Scripts, styles and anything from elsewhere are kept out by its Content-Security-Policy. */
  readonly html: string;
}

/** What a transport opens. */
export interface DoorSpec {
  /** The plugin that opens it, named in every error. */
  readonly plugin: string;
  readonly host: string;
  /** 0 is any free port, never shared with another door. */
  readonly port: number;
  /** The exact paths that this door owns, each beginning with `/`. */
  readonly paths: readonly string[];
  /** POST where nothing is said; other methods get 405. */
  readonly methods?: readonly string[];
  /** Answers GET and HEAD of its path, unless `methods` lists them. */
  readonly page?: DoorPage;
  /** Media types taken, without parameters; none given takes any. A request without Content-Type always passes. */
  readonly contentTypes?: readonly string[];
  readonly tls?: DoorTls;
  /** Host names by which clients may call this door, beside this machine's own names and addresses. */
  readonly allowedHosts?: readonly string[];
  /** The operator's word that anyone may call a door bound beyond loopback. */
  readonly anonymous?: boolean;
  readonly limits?: Partial<DoorLimits>;
  /**
   * Must reply to each request, or the request counts as in flight until its peer goes away. A throw or rejection is
   * logged and answered with 500.
   */
  handle(request: DoorRequest, reply: DoorReply): void;
}

/** A door that listens. */
export interface Door {
  readonly plugin: string;
  /** Where a client on this machine reaches it, without a path: `http://127.0.0.1:8800`. */
  readonly url: string;
  /** What is bound, with the port that was found for 0. */
  readonly address: { readonly host: string; readonly port: number };
  /** Refuses new requests, ends waits, lets those in flight finish in their time. */
  close(): Promise<void>;
}
