import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../support/fake-clock.js';
import { closeAll, patientDoor, serve } from '../support/http-door.js';
import { UNUSUAL } from '../support/two-ways.js';

afterEach(closeAll);

describe('a door that lets many wait', () => {
  it('is told when a peer goes away, and only then', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const [leaves, stays] = [await connect(), await connect()];
    leaves.post('/', 'a');
    await patient.waitFor(1);
    stays.post('/', 'b');
    const [first, second] = await patient.waitFor(2);
    const told: string[] = [];
    second?.request.onGone(() => told.push('stays'));
    const gone = new Promise<Error>((resolve) => first?.request.onGone(resolve));
    leaves.close();
    expect(await gone).toMatchObject({ name: 'AbortError' });
    second?.reply(200, 'text/plain', 'done');
    expect((await stays.answer()).body).toBe('done');
    expect(told).toEqual([]);
  });

  it('is told at once where it asks too late', async () => {
    const patient = patientDoor();
    const { connect } = await serve({ handle: patient.handle });
    const connection = await connect();
    connection.post('/', 'a');
    const [held] = await patient.waitFor(1);
    const gone = new Promise<Error>((resolve) => held?.request.onGone(resolve));
    connection.close();
    await gone;
    let told: Error | undefined;
    held?.request.onGone((reason) => {
      told = reason;
    });
    expect(told).toMatchObject({ name: 'AbortError' });
  });

  it.each([
    ['an unusual request', UNUSUAL],
    ['many requests', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n'.repeat(30)],
  ])('is told soon also where the peer had sent %s behind it that is not read yet', async (_, more) => {
    const patient = patientDoor();
    const clock = new FakeClock();
    const { connect } = await serve({ handle: patient.handle }, { clock });
    const connection = await connect();
    connection.post('/', 'a').send(more);
    const [held] = await patient.waitFor(1);
    let told: Error | undefined;
    held?.request.onGone((reason) => {
      told = reason;
    });
    connection.close();
    // Or the test runs into its time.
    while (told === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1000);
    }
    expect(told).toMatchObject({ name: 'AbortError' });
    // Who does not answer then answers nobody, and the connection goes.
    clock.advance(3000);
  });

  it('that is told so in time may answer still, and what was sent behind is served', async () => {
    const patient = patientDoor();
    const clock = new FakeClock();
    const { connect } = await serve({ handle: patient.handle }, { clock });
    const connection = await connect();
    connection.post('/', 'a').send(UNUSUAL).socket.end();
    const [held] = await patient.waitFor(1);
    const gone = new Promise((resolve) => held?.request.onGone(resolve));
    const answered = gone.then(() => held?.reply(200, 'text/plain', 'still'));
    let isAnswered = false;
    answered.then(() => {
      isAnswered = true;
    });
    while (!isAnswered) {
      await new Promise((resolve) => setImmediate(resolve));
      if (!isAnswered) clock.advance(1000);
    }
    expect((await connection.answer()).body).toBe('still');
    (await patient.waitFor(2))[1]?.reply(200, 'text/plain', 'unusual');
    expect((await connection.answer()).body).toBe('unusual');
    await connection.closed;
  });

  it('may fail at that: it is logged, and what is under way beside it is told, too', async () => {
    const patient = patientDoor();
    const { connect, errors } = await serve({ handle: patient.handle });
    const connection = await connect();
    connection.post('/', 'a').post('/', 'b');
    const [first, second] = await patient.waitFor(2);
    first?.request.onGone(() => {
      throw new Error('fails');
    });
    const gone = new Promise<Error>((resolve) => second?.request.onGone(resolve));
    connection.close();
    await gone;
    expect(errors).toEqual([['The plugin "echo" failed at POST /', new Error('fails')]]);
  });

  it('is told when it closes, and what it answers then is delivered', async () => {
    const patient = patientDoor();
    const { connect, door } = await serve({ handle: patient.handle }, { stopTimeoutMs: 10_000 });
    const connection = await connect();
    connection.post('/', 'a');
    const [held] = await patient.waitFor(1);
    held?.request.onGone((reason) => held.reply(200, 'text/plain', reason.message));
    const closed = door.close();
    expect((await connection.answer()).body).toBe(
      'The registry is stopping: try again once it runs, or call another',
    );
    await closed;
  });
});
