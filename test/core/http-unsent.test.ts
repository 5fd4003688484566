import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { DEFAULT_DOOR_LIMITS, type DoorSpec } from '../../core/http-listener.js';
import { UnsentAnswers } from '../../core/http-unsent.js';
import { FakeClock } from '../support/fake-clock.js';
import { closeAll, patientDoor, serve } from '../support/http-door.js';
import type { RawConnection } from '../support/raw-http.js';
import { UNUSUAL } from '../support/two-ways.js';

afterEach(closeAll);

const MB = 1024 * 1024;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Lets its peer receive so many bytes more, as far as the system's buffers make that exact. */
async function receive({ socket }: RawConnection, bytes: number): Promise<void> {
  const end = socket.bytesRead + bytes;
  socket.resume();
  while (socket.bytesRead < end) await turn();
  socket.pause();
}

/** Whether each gets a whole answer, once it reads. */
function wholeOnes(connections: readonly RawConnection[]): Promise<boolean[]> {
  return Promise.all(
    connections.map(async (connection) => {
      connection.socket.resume();
      return connection.answer().then(
        () => true,
        () => false,
      );
    }),
  );
}

describe.each([
  ['a quick connection', ''],
  ['a connection of node:http', UNUSUAL],
])('answers on %s', (_, first) => {
  /** Calls that are answered with so many bytes and don't read, one after the other. */
  async function idlers(count: number, answers: () => Buffer | string, limits: DoorSpec['limits'] = {}) {
    const clock = new FakeClock();
    const served = await serve(
      {
        limits,
        handle: (request, reply) =>
          reply(200, 'text/plain', request.body.toString() === 'large' ? answers() : 'small'),
      },
      { clock },
    );
    const connections: RawConnection[] = [];
    for (let i = 0; i < count; i += 1) {
      const connection = await served.connect();
      if (first !== '') await connection.send(first).answer();
      connection.socket.pause();
      const before = served.requests.length;
      connection.post('/', 'large');
      while (served.requests.length === before) await turn();
      connections.push(connection);
    }
    await turn();
    return { ...served, clock, connections };
  }

  it('that are not read cost the slowest their connection, once they are too many in all', async () => {
    const limits = { unsentBytes: 40 * MB };
    const { connections, connect, errors } = await idlers(5, () => Buffer.alloc(16 * MB), limits);
    expect((await (await connect()).post('/').answer()).body).toBe('small');
    expect(await wholeOnes(connections)).toEqual([false, false, false, true, true]);
    expect(errors).toEqual([
      [
        expect.stringMatching(/^Connections to .* are lost$/),
        expect.objectContaining({
          code: 'LIMIT_REACHED',
          message: expect.stringContaining('41943040 bytes'),
        }),
      ],
    ]);
  });

  it('as text count as those of bytes do', async () => {
    const { connections } = await idlers(3, () => 'x'.repeat(16 * MB), { unsentBytes: 40 * MB });
    expect(await wholeOnes(connections)).toEqual([false, true, true]);
  });

  it('that are the same bytes for many count once', async () => {
    const shared = Buffer.alloc(16 * MB);
    const { connections, errors } = await idlers(6, () => shared, { unsentBytes: 40 * MB });
    expect(await wholeOnes(connections)).toEqual(Array(6).fill(true));
    expect(errors).toEqual([]);
  });

  it('that were read count no more', async () => {
    const { connections, connect } = await idlers(2, () => Buffer.alloc(16 * MB), { unsentBytes: 40 * MB });
    expect(await wholeOnes(connections)).toEqual([true, true]);
    const more: RawConnection[] = [];
    for (let i = 0; i < 4; i += 1) {
      const connection = (await connect()).post('/', 'large');
      expect((await connection.answer()).body).toHaveLength(16 * MB);
      more.push(connection);
    }
    for (const connection of [...connections, ...more]) {
      expect((await connection.post('/').answer()).body).toBe('small');
    }
  });

  it('that wait behind one that is awaited count, too, and its door is told', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle, limits: { unsentBytes: 40 * MB } });
    const waiting = await patient.waitFor(0);
    const connections: RawConnection[] = [];
    for (let i = 0; i < 3; i += 1) {
      const connection = await connect();
      if (first !== '') {
        connection.send(first);
        (await patient.waitFor(waiting.length + 1)).pop()?.reply(200, 'text/plain', '');
        await connection.answer();
      }
      connection.post('/', 'slow').post('/', 'large');
      await patient.waitFor(2 * i + 2);
      connections.push(connection);
    }
    const gone = new Promise<Error>((resolve) => waiting[0]?.request.onGone(resolve));
    for (const { body, reply } of waiting)
      if (body === 'large') reply(200, 'text/plain', Buffer.alloc(16 * MB));
    expect(await gone).toMatchObject({ name: 'AbortError' });
    for (const { body, reply } of waiting) if (body === 'slow') reply(200, 'text/plain', 'slow');
    expect(await wholeOnes(connections)).toEqual([false, true, true]);
    expect(await wholeOnes(connections)).toEqual([false, true, true]);
  });

  it('that come all at once are bounded, too: with 503 for who comes then, and nobody later', async () => {
    const limits = { unsentBytes: 20 * MB };
    const { connect, requests } = await idlers(0, () => Buffer.alloc(16 * MB), limits);
    const connections = await Promise.all(Array.from({ length: 50 }, connect));
    for (const connection of connections) {
      await (first === '' ? connection.post('/') : connection.send(first)).answer();
    }
    requests.length = 0;
    for (const connection of connections) connection.post('/', 'large');
    const status = (connection: RawConnection) =>
      connection.answer().then(
        (answer) => answer.status,
        () => 0,
      );
    const statuses = await Promise.all(connections.map(status));
    expect(statuses).toContain(503);
    expect(requests).toHaveLength(statuses.filter((one) => one !== 503).length);
    expect((await (await connect()).post('/').answer()).body).toBe('small');
  });

  it('that nobody reads are cut off in their time', async () => {
    const { connections, clock } = await idlers(1, () => Buffer.alloc(64 * MB));
    clock.advance(33_000);
    expect(await wholeOnes(connections)).toEqual([false]);
  });

  it('that are read slowly, yet in good pieces, arrive whole', async () => {
    const { connections, clock } = await idlers(1, () => Buffer.alloc(64 * MB));
    for (let i = 0; i < 3; i += 1) {
      // More than the buffers of the system hold, so that the registry must have sent some of it.
      await receive(connections[0] as RawConnection, 16 * MB);
      clock.advance(20_000);
    }
    expect(await wholeOnes(connections)).toEqual([true]);
    while (clock.timers > 1) await turn();
  });
});

describe('a peer of which the system tells how much it took', () => {
  const limits = { ...DEFAULT_DOOR_LIMITS, unsentBytes: 1000 * 1000 };

  /** A socket that has so many bytes to send, in one write. */
  function peer(bytes: number) {
    const socket = {
      destroyed: false,
      writableLength: bytes,
      _handle: { bytesWritten: bytes, writeQueueSize: bytes },
      once() {},
      destroy() {
        this.destroyed = true;
      },
    };
    const take = (taken: number) => {
      socket._handle.writeQueueSize -= taken;
      if (socket._handle.writeQueueSize === 0) socket.writableLength = 0;
    };
    return { socket: socket as unknown as Socket, take };
  }

  function unsent() {
    const clock = new FakeClock();
    return { clock, unsent: new UnsentAnswers(clock, limits, 1000, () => {}) };
  }

  it('is cut off where that is a byte now and then', () => {
    const { clock, unsent: answers } = unsent();
    const { socket, take } = peer(900_000);
    answers.wrote(socket, [900_000]);
    for (let second = 0; second < 29; second += 1) {
      take(1);
      clock.advance(1000);
    }
    expect(socket.destroyed).toBe(false);
    clock.advance(3000);
    expect(socket.destroyed).toBe(true);
    expect(clock.timers).toBe(0);
  });

  it('is left alone as long as it takes 64 KB in the time of a request, and all of what is less', () => {
    const { clock, unsent: answers } = unsent();
    const { socket, take } = peer(64 * 1024 * 10 + 100);
    answers.wrote(socket, [64 * 1024 * 10 + 100]);
    for (let i = 0; i < 10; i += 1) {
      clock.advance(29_000);
      take(64 * 1024);
    }
    clock.advance(29_000);
    expect(socket.destroyed).toBe(false);
    take(100);
    clock.advance(100_000);
    expect(socket.destroyed).toBe(false);
    expect(clock.timers).toBe(0);
  });

  it('is not the one that is cut off for room while another has taken nothing for longer', () => {
    const { clock, unsent: answers } = unsent();
    const [steady, stuck] = [peer(500_000), peer(400_000)];
    answers.wrote(steady.socket, [500_000]);
    answers.wrote(stuck.socket, [400_000]);
    steady.take(100_000);
    clock.advance(1000);
    const small = peer(200_000);
    answers.wrote(small.socket, [200_000]);
    expect([steady, stuck, small].map(({ socket }) => socket.destroyed)).toEqual([false, true, false]);
  });

  it('is not the one that is cut off for room as long as it keeps less than its share', () => {
    const { unsent: answers } = unsent();
    const shared = Buffer.alloc(200_000);
    const few = Array.from({ length: 50 }, () => peer(200_000));
    const large = Array.from({ length: 3 }, () => peer(300_000));
    for (const { socket } of few) answers.wrote(socket, [shared]);
    for (const { socket } of large) answers.wrote(socket, [300_000]);
    expect(few.some(({ socket }) => socket.destroyed)).toBe(false);
    expect(large.map(({ socket }) => socket.destroyed)).toEqual([true, false, false]);
  });
});
