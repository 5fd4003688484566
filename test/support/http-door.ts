import { type Clock, systemClock } from '../../core/clock.js';
import { type DoorReply, type DoorRequest, type DoorSpec, HttpListener } from '../../core/http-listener.js';
import { RawConnection } from './raw-http.js';

const cleanups: (() => unknown)[] = [];

/** Closes every door and connection that {@link serve} opened. For afterEach. */
export async function closeAll(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

/** Opens one door, which echoes the body unless told otherwise. */
export async function serve(
  spec: Partial<DoorSpec> = {},
  { stopTimeoutMs = 0, clock = systemClock as Clock } = {},
) {
  const errors: [string, unknown][] = [];
  const requests: DoorRequest[] = [];
  const bodies: Buffer[] = [];
  const listener = new HttpListener({
    clock,
    hasAccessControl: () => false,
    onError: (message, error) => errors.push([message, error]),
    stopTimeoutMs,
  });
  cleanups.push(() => listener.drain());
  const handle =
    spec.handle ?? ((request: DoorRequest, reply: DoorReply) => reply(200, 'text/plain', request.body));
  const door = await listener.open({
    plugin: 'echo',
    host: '127.0.0.1',
    port: 0,
    paths: ['/', '/RPC2'],
    ...spec,
    handle(request, reply) {
      requests.push(request);
      bodies.push(request.body);
      return handle(request, reply);
    },
  });
  const connect = async () => {
    const connection = await RawConnection.open(door.address.port);
    cleanups.push(() => connection.close());
    return connection;
  };
  return { listener, door, errors, requests, bodies, connect };
}

/** A door that answers when the test says so. */
export function patientDoor() {
  const waiting: { request: DoorRequest; body: string; reply: DoorReply }[] = [];
  const wakers: (() => void)[] = [];
  return {
    handle(request: DoorRequest, reply: DoorReply) {
      waiting.push({ request, body: request.body.toString(), reply });
      for (const wake of wakers.splice(0)) wake();
    },
    async waitFor(count: number) {
      while (waiting.length < count) await new Promise<void>((resolve) => wakers.push(resolve));
      return waiting;
    },
  };
}
