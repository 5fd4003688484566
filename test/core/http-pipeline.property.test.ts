import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { closeAll, serve } from '../support/http-door.js';

afterEach(closeAll);

/** One request of a pipeline: how it is sent, how large it is, when it is answered and with what. */
const request = fc.record({
  isUnusual: fc.oneof(
    { weight: 9, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  isPacked: fc.oneof(
    { weight: 9, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  size: fc.oneof({ weight: 8, arbitrary: fc.nat(200) }, { weight: 1, arbitrary: fc.nat(70_000) }),
  turns: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(5) }),
  answerSize: fc.oneof({ weight: 8, arbitrary: fc.nat(200) }, { weight: 1, arbitrary: fc.nat(200_000) }),
  isText: fc.boolean(),
});

it('whatever is pipelined in whatever pieces, and whenever it is answered, all is worked on and answered in order', async () => {
  const pipelines = fc.tuple(
    fc.array(request, { minLength: 1, maxLength: 40 }),
    fc.array(fc.nat(), { maxLength: 6 }),
  );
  await fc.assert(
    fc.asyncProperty(pipelines, async ([requests, places]) => {
      const order: number[] = [];
      const { connect, errors } = await serve({
        handle({ body }, reply) {
          const index = Number(body.toString('latin1', 0, 4));
          order.push(index);
          expect(body.length).toBe(4 + (requests[index]?.size ?? 0));
          const { turns = 0, answerSize = 0, isText } = requests[index] ?? {};
          const answer = `${index} ${'x'.repeat(answerSize)}`;
          const wait = (left: number) => {
            if (left === 0) reply(200, 'text/plain', isText ? answer : Buffer.from(answer));
            else setImmediate(wait, left - 1);
          };
          wait(turns);
        },
      });
      const bytes = Buffer.concat(
        requests.flatMap(({ isUnusual, isPacked, size }, index) => {
          const text = Buffer.from(`${String(index).padStart(4, '0')}${'y'.repeat(size)}`);
          const body = isPacked ? gzipSync(text) : text;
          const lines = `${isUnusual ? 'TE: x\r\n' : ''}${isPacked ? 'Content-Encoding: gzip\r\n' : ''}`;
          const head = `POST / HTTP/1.1\r\nHost: localhost\r\n${lines}Content-Length: ${body.length}\r\n\r\n`;
          return [Buffer.from(head), body];
        }),
      );
      const connection = await connect();
      const cuts = [0, ...places.map((place) => place % bytes.length).sort((a, b) => a - b), bytes.length];
      const sent = (async () => {
        for (const [index, end] of cuts.slice(1).entries()) {
          await new Promise((done) => connection.socket.write(bytes.subarray(cuts[index], end), done));
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      for (const [index, { answerSize }] of requests.entries()) {
        expect((await connection.answer()).body).toBe(`${index} ${'x'.repeat(answerSize)}`);
      }
      await sent;
      expect(order).toEqual(requests.map((_, index) => index));
      expect(errors).toEqual([]);
      await closeAll();
    }),
    { numRuns: 60 },
  );
}, 60_000);
