import type { Clock } from './clock.js';
import { messageOf, RegistryError } from './errors.js';
import type { Door, DoorSpec } from './http-door.js';
import { Doorway } from './http-doorway.js';
import type { ExchangeContext } from './http-exchange.js';
import { Outbox } from './http-outbox.js';
import { DoorServer } from './http-server.js';
import { Unpacker } from './http-unpack.js';
import { isLoopback } from './this-machine.js';

export type { Door, DoorLimits, DoorPage, DoorReply, DoorRequest, DoorSpec, DoorTls } from './http-door.js';
export { DEFAULT_DOOR_LIMITS } from './http-door.js';

export interface HttpListenerOptions {
  readonly clock: Clock;
  /** Whether an access plugin decides who may call; asked when a door is opened. */
  readonly hasAccessControl: () => boolean;
  /** Told of faults that no caller can be told of: a door that throws, a connection that could not be accepted. */
  readonly onError: (message: string, error: unknown) => void;
  /** How long a closing door waits for its requests in flight; 10,000 where nothing is said. */
  readonly stopTimeoutMs?: number;
}

/**
 * Opens HTTP for every door: limits, timeouts, TLS, the Host and Origin rule, graceful close. Doors that name the same
 * host and port share one server, each with its own paths.
 */
export class HttpListener {
  readonly #hasAccessControl: () => boolean;
  readonly #context: Omit<ExchangeContext, 'unsent'>;
  readonly #stopTimeoutMs: number;
  #servers: DoorServer[] = [];
  #doors: Door[] = [];
  #isDraining = false;

  constructor({ clock, hasAccessControl, onError, stopTimeoutMs = 10_000 }: HttpListenerOptions) {
    this.#hasAccessControl = hasAccessControl;
    this.#context = { clock, onError, unpacker: new Unpacker(), outbox: new Outbox() };
    this.#stopTimeoutMs = stopTimeoutMs;
  }

  /** Those that listen, in the order they were opened. */
  get doors(): readonly Door[] {
    return this.#doors;
  }

  /**
   * Resolves when the door listens. Rejects with `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `DOOR_CONFLICT`,
   * `PUBLIC_WITHOUT_ACCESS`, `INVALID_ARGUMENT` (paths, allowedHosts, TLS) or, while draining, `STOPPING`.
   */
  async open(spec: DoorSpec): Promise<Door> {
    if (this.#isDraining) throw stopping(spec);
    this.#checkAccess(spec);
    const doorway = new Doorway(spec, this.#context.clock);
    let server =
      spec.port === 0 ? undefined : this.#servers.find((other) => other.isAt(spec.host, spec.port));
    if (server === undefined) {
      server = new DoorServer(doorway, this.#context, this.#stopTimeoutMs);
      this.#servers.push(server);
    }
    server.add(doorway);
    try {
      await server.listening();
    } catch (error) {
      this.#forget(server);
      throw addressError(spec, error);
    }
    if (this.#isDraining) throw stopping(spec);
    const door = this.#door(doorway, server);
    this.#doors.push(door);
    return door;
  }

  /** Closes every door; no other can be opened after. Resolves when the last connection is closed. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await Promise.all(this.#servers.map((server) => server.drain()));
    this.#servers = [];
    this.#doors = [];
  }

  #door(doorway: Doorway, server: DoorServer): Door {
    const { plugin, host, tls } = doorway.spec;
    const { port } = server;
    let closed: Promise<void> | undefined;
    const door: Door = {
      plugin,
      url: `${tls === undefined ? 'http' : 'https'}://${callableHost(host)}:${port}`,
      address: { host, port },
      close: () => {
        closed ??= this.#close(door, doorway, server);
        return closed;
      },
    };
    return door;
  }

  async #close(door: Door, doorway: Doorway, server: DoorServer): Promise<void> {
    doorway.isClosing = true;
    this.#doors = this.#doors.filter((other) => other !== door);
    if (!server.isDeserted()) return server.remove(doorway);
    // Forgotten first: the address can be opened anew while the last requests here finish.
    this.#forget(server);
    await server.drain();
  }

  #forget(server: DoorServer): void {
    this.#servers = this.#servers.filter((other) => other !== server);
  }

  #checkAccess(spec: DoorSpec): void {
    if (isLoopback(spec.host) || spec.anonymous === true || this.#hasAccessControl()) return;
    const where = `The plugin "${spec.plugin}" would let anyone who reaches ${spec.host}:${spec.port} in`;
    const remedy = 'load an access plugin, set `anonymous: true` in its options, or listen on 127.0.0.1';
    throw new RegistryError('PUBLIC_WITHOUT_ACCESS', `${where}, since it is not loopback: ${remedy}`);
  }
}

/** The unspecified addresses mean all of this machine's; a caller needs one of them. */
function callableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function stopping(spec: DoorSpec): RegistryError {
  return new RegistryError('STOPPING', `The plugin "${spec.plugin}" opens a door while the registry stops`);
}

function addressError(spec: DoorSpec, cause: unknown): RegistryError {
  const where = `The plugin "${spec.plugin}" cannot listen on ${spec.host}:${spec.port}`;
  if ((cause as NodeJS.ErrnoException).code === 'EADDRINUSE') {
    const text = `${where}: another program does, or a door here under another name of that address. Stop it, or set another port in the options of "${spec.plugin}"`;
    return new RegistryError('ADDRESS_IN_USE', text, { cause });
  }
  const remedy = `Set a host of this machine, and a port that may be opened, in the options of "${spec.plugin}"`;
  return new RegistryError('ADDRESS_UNAVAILABLE', `${where}: ${messageOf(cause)}. ${remedy}`, { cause });
}
