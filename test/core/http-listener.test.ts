import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type DoorSpec, HttpListener } from '../../core/http-listener.js';
import { FakeClock } from '../support/fake-clock.js';
import { patientDoor } from '../support/http-door.js';
import { RawConnection } from '../support/raw-http.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function listening(options: { hasAccessControl?: boolean } = {}) {
  const clock = new FakeClock();
  const listener = new HttpListener({
    clock,
    hasAccessControl: () => options.hasAccessControl ?? false,
    onError: (message, error) => {
      throw new Error(message, { cause: error });
    },
    stopTimeoutMs: 5000,
  });
  cleanups.push(async () => {
    const drained = listener.drain();
    await clock.advanceAsync(5000);
    await drained;
  });
  return { clock, listener };
}

/** A door on any free port of loopback that answers with its plugin's name. */
function spec(changes: Partial<DoorSpec> = {}): DoorSpec {
  const plugin = changes.plugin ?? 'xml-rpc';
  return {
    plugin,
    host: '127.0.0.1',
    port: 0,
    paths: ['/'],
    handle: (_, reply) => reply(200, 'text/plain', plugin),
    ...changes,
  };
}

/** A door whose requests the test answers, once they have arrived. */
function patientSpec(changes: Partial<DoorSpec> = {}) {
  const { handle, waitFor } = patientDoor();
  return { spec: spec({ ...changes, handle }), arrived: waitFor };
}

async function connect(port: number): Promise<RawConnection> {
  const connection = await RawConnection.open(port);
  cleanups.push(() => connection.close());
  return connection;
}

const ask = async (port: number, path = '/') => (await connect(port)).post(path).answer();

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('an opened door', () => {
  it('says where it listens', async () => {
    const { listener } = listening();
    const door = await listener.open(spec());
    const { port } = door.address;
    expect(door).toMatchObject({
      plugin: 'xml-rpc',
      url: `http://127.0.0.1:${port}`,
      address: { host: '127.0.0.1' },
    });
    expect(port).toBeGreaterThan(0);
    expect(listener.doors).toEqual([door]);
    expect(await ask(port)).toMatchObject({ status: 200, body: 'xml-rpc' });
  });

  it('on every address of the machine names one that can be called', async () => {
    const { listener } = listening();
    const door = await listener.open(spec({ host: '0.0.0.0', anonymous: true }));
    expect(door.address.host).toBe('0.0.0.0');
    expect(door.url).toBe(`http://127.0.0.1:${door.address.port}`);
    expect((await ask(door.address.port)).status).toBe(200);
  });

  it('may be called by the name it is bound to', async () => {
    const { listener } = listening();
    const door = await listener.open(spec({ host: 'localhost' }));
    expect(door.url).toBe(`http://localhost:${door.address.port}`);
  });

  it('with port 0 has the port for itself', async () => {
    const { listener } = listening();
    const [a, b] = await Promise.all([listener.open(spec()), listener.open(spec())]);
    expect(a.address.port).not.toBe(b.address.port);
  });
});

describe('doors on one address', () => {
  it('share it, each with its own paths, also when they are opened at once', async () => {
    const { listener } = listening();
    const port = await freePort();
    await Promise.all([
      listener.open(spec({ plugin: 'one', port, paths: ['/', '/RPC2'] })),
      listener.open(spec({ plugin: 'two', port, paths: ['/v1'] })),
    ]);
    await listener.open(spec({ plugin: 'three', port, paths: ['/metrics'] }));
    const bodies = await Promise.all(
      ['/RPC2', '/v1', '/metrics'].map(async (path) => (await ask(port, path)).body),
    );
    expect(bodies).toEqual(['one', 'two', 'three']);
    expect(listener.doors.map((door) => door.plugin)).toEqual(['one', 'two', 'three']);
  });

  it('may not claim the same path', async () => {
    const { listener } = listening();
    const { address } = await listener.open(spec({ plugin: 'one' }));
    await expect(listener.open(spec({ plugin: 'two', port: address.port }))).rejects.toMatchObject({
      code: 'DOOR_CONFLICT',
      message: `The plugin "two" cannot share 127.0.0.1:${address.port}: the path / belongs to "one"; give one of them another port`,
    });
  });

  it('may not want other limits of the address, but may of their own requests', async () => {
    const { listener } = listening();
    const { address } = await listener.open(spec({ plugin: 'one', limits: { connections: 5 } }));
    const second = { plugin: 'two', port: address.port, paths: ['/two'] };
    await expect(listener.open(spec({ ...second, limits: { connections: 6 } }))).rejects.toMatchObject({
      code: 'DOOR_CONFLICT',
      message: expect.stringContaining('"one" has limits.connections 5, not 6'),
    });
    await listener.open(spec({ ...second, limits: { connections: 5, bodyBytes: 1 } }));
    expect((await (await connect(address.port)).post('/two', '12').answer()).status).toBe(413);
    expect((await (await connect(address.port)).post('/', '12').answer()).status).toBe(200);
  });

  it('close one by one: its path is gone, the others go on, the path can be had again', async () => {
    const { listener } = listening();
    const one = await listener.open(spec({ plugin: 'one' }));
    const { port } = one.address;
    const two = await listener.open(spec({ plugin: 'two', port, paths: ['/two'] }));
    await two.close();
    expect(listener.doors).toEqual([one]);
    expect((await ask(port, '/two')).status).toBe(404);
    expect((await ask(port)).body).toBe('one');
    await listener.open(spec({ plugin: 'three', port, paths: ['/two'] }));
    expect((await ask(port, '/two')).body).toBe('three');
  });

  it('close one by one: its requests are cut off in the end, those of others are not', async () => {
    const { listener, clock } = listening();
    const patient = patientSpec({ plugin: 'one' });
    const one = await listener.open(patient.spec);
    const { port } = one.address;
    const other = patientSpec({ plugin: 'two', port, paths: ['/two'] });
    await listener.open(other.spec);
    const stuck = (await connect(port)).post('/');
    const fine = (await connect(port)).post('/two');
    await patient.arrived(1);
    const [held] = await other.arrived(1);
    const closed = one.close();
    expect((await ask(port)).status).toBe(503);
    clock.advance(5000);
    await Promise.all([closed, stuck.closed]);
    held?.reply(200, 'text/plain', 'fine');
    expect((await fine.answer()).body).toBe('fine');
  });
});

describe('a door that cannot be opened says why and what to do:', () => {
  it('ADDRESS_IN_USE', async () => {
    const { listener } = listening();
    const program = createServer().listen(0, '127.0.0.1');
    cleanups.push(() => program.close());
    await once(program, 'listening');
    const { port } = program.address() as { port: number };
    for (const attempt of [1, 2]) {
      await expect(listener.open(spec({ port })), `attempt ${attempt}`).rejects.toMatchObject({
        code: 'ADDRESS_IN_USE',
        message: expect.stringMatching(
          new RegExp(`"xml-rpc" cannot listen on 127\\.0\\.0\\.1:${port}.*another port in the options`),
        ),
      });
    }
    expect(listener.doors).toEqual([]);
    program.close();
    await once(program, 'close');
    expect((await listener.open(spec({ port }))).address.port).toBe(port);
  });

  it('ADDRESS_UNAVAILABLE', async () => {
    const { listener } = listening({ hasAccessControl: true });
    for (const changes of [{ host: '203.0.113.1' }, { port: 70_000 }]) {
      await expect(listener.open(spec(changes))).rejects.toMatchObject({
        code: 'ADDRESS_UNAVAILABLE',
        message: expect.stringContaining('"xml-rpc"'),
      });
    }
  });

  it('PUBLIC_WITHOUT_ACCESS, unless an access plugin is there or the operator allows anyone', async () => {
    const open = { host: '0.0.0.0' };
    await expect(listening().listener.open(spec(open))).rejects.toMatchObject({
      code: 'PUBLIC_WITHOUT_ACCESS',
      message: expect.stringMatching(/"xml-rpc".*0\.0\.0\.0:0.*anonymous: true.*127\.0\.0\.1/),
    });
    await listening({ hasAccessControl: true }).listener.open(spec(open));
    await listening().listener.open(spec({ ...open, anonymous: true }));
  });

  it.each([
    { paths: [] },
    { paths: ['RPC2'] },
    { paths: ['/a?b'] },
    { allowedHosts: ['http://x'] },
    { tls: { cert: 'no certificate', key: 'no key' } },
  ])('INVALID_ARGUMENT for %j', async (changes) => {
    const { listener } = listening();
    await expect(listener.open(spec(changes))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('"xml-rpc"'),
    });
  });
});

describe('a closing door', () => {
  it('ends waits, delivers their answers and closes every connection', async () => {
    const { listener } = listening();
    const patient = patientSpec();
    const door = await listener.open(patient.spec);
    const { port } = door.address;
    const silent = await connect(port);
    const idle = await connect(port);
    idle.post('/');
    const first = await patient.arrived(1);
    first[0]?.reply(200, 'text/plain', 'done');
    await idle.answer();
    const waiting = (await connect(port)).post('/').post('/');
    const [, a, b] = await patient.arrived(3);
    a?.request.signal.addEventListener('abort', () => a.reply(200, 'text/plain', 'nothing new'));
    const closed = door.close();
    expect(door.close()).toBe(closed);
    // Who looks only now is told as well.
    expect(b?.request.signal).toMatchObject({ aborted: true, reason: { code: 'STOPPING' } });
    b?.reply(200, 'text/plain', 'last');
    const answers = [await waiting.answer(), await waiting.answer()];
    expect(answers.map(({ body }) => body)).toEqual(['nothing new', 'last']);
    expect(answers.map(({ headers }) => headers.connection)).toEqual(['keep-alive', 'close']);
    await Promise.all([closed, silent.closed, idle.closed, waiting.closed]);
    expect(listener.doors).toEqual([]);
    await expect(RawConnection.open(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('serves no request that comes behind those in flight', async () => {
    const { listener } = listening();
    const patient = patientSpec();
    const door = await listener.open(patient.spec);
    const connection = (await connect(door.address.port)).post('/');
    const [held] = await patient.arrived(1);
    const closed = door.close();
    await new Promise((sent) => connection.socket.write('POST / HTTP/1.1\r\nHost: localhost\r\n\r\n', sent));
    held?.reply(200, 'text/plain', 'in time');
    expect(await connection.answer()).toMatchObject({ body: 'in time', headers: { connection: 'close' } });
    await Promise.all([closed, connection.closed]);
    expect(await patient.arrived(1)).toHaveLength(1);
  });

  it('closes a connection whose last answer was given before, behind one that is still awaited', async () => {
    const { listener } = listening();
    const patient = patientSpec();
    const door = await listener.open(patient.spec);
    const connection = (await connect(door.address.port)).post('/').post('/');
    const [a, b] = await patient.arrived(2);
    b?.reply(200, 'text/plain', 'second');
    const closed = door.close();
    a?.reply(200, 'text/plain', 'first');
    expect([(await connection.answer()).body, (await connection.answer()).body]).toEqual(['first', 'second']);
    await Promise.all([closed, connection.closed]);
  });

  it('cuts off what is not over in its time', async () => {
    const { listener, clock } = listening();
    const patient = patientSpec();
    const door = await listener.open(patient.spec);
    const connection = (await connect(door.address.port)).post('/');
    const [held] = await patient.arrived(1);
    const uploading = await connect(door.address.port);
    uploading.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n');
    await uploading.answer();
    const closed = door.close();
    await clock.advanceAsync(4999);
    expect(connection.socket.destroyed).toBe(false);
    await clock.advanceAsync(1);
    await Promise.all([closed, connection.closed, uploading.closed]);
    held?.reply(200, 'text/plain', 'too late');
  });

  it('leaves its address free at once', async () => {
    const { listener } = listening();
    const patient = patientSpec();
    const door = await listener.open(patient.spec);
    const { port } = door.address;
    const connection = (await connect(port)).post('/');
    const [held] = await patient.arrived(1);
    const closed = door.close();
    await listener.open(spec({ plugin: 'next', port }));
    expect((await ask(port)).body).toBe('next');
    held?.reply(200, 'text/plain', 'old');
    expect((await connection.answer()).body).toBe('old');
    await closed;
  });
});

describe('a draining listener', () => {
  it('closes every door, waits for what is in flight and opens no other', async () => {
    const { listener } = listening();
    const patient = patientSpec();
    const { address } = await listener.open(patient.spec);
    await listener.open(spec());
    const connection = (await connect(address.port)).post('/');
    const [held] = await patient.arrived(1);
    let isDrained = false;
    const drained = listener.drain().then(() => {
      isDrained = true;
    });
    await expect(listener.open(spec())).rejects.toMatchObject({ code: 'STOPPING' });
    await expect(RawConnection.open(address.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(isDrained).toBe(false);
    held?.reply(200, 'text/plain', 'done');
    expect(await connection.answer()).toMatchObject({ body: 'done', headers: { connection: 'close' } });
    await drained;
    expect(listener.doors).toEqual([]);
  });

  it('also closes a door that is being opened', async () => {
    const { listener } = listening();
    const port = await freePort();
    const opening = expect(listener.open(spec({ port }))).rejects.toMatchObject({ code: 'STOPPING' });
    await listener.drain();
    await opening;
    await expect(RawConnection.open(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
