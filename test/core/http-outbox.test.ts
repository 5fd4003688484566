import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Outbox } from '../../core/http-outbox.js';

function response(ended: string[], isGone = false): ServerResponse {
  return { destroyed: isGone, end: (body: string) => ended.push(body) } as unknown as ServerResponse;
}

test('answers of one turn of the event loop are written together, in their order', async () => {
  const outbox = new Outbox();
  const ended: string[] = [];
  for (const body of ['a', 'b', 'c']) outbox.send(response(ended), body);
  expect(ended).toEqual([]);
  await turn();
  expect(ended).toEqual(['a', 'b', 'c']);
  outbox.send(response(ended), 'd');
  await turn();
  expect(ended.at(-1)).toBe('d');
});

test('an answer does not wait for more than 31 others', () => {
  const outbox = new Outbox();
  const ended: string[] = [];
  for (let index = 0; index < 40; index++) outbox.send(response(ended), String(index));
  expect(ended).toHaveLength(32);
});

test('an answer whose caller has gone meanwhile is dropped, and those behind it are not', async () => {
  const outbox = new Outbox();
  const ended: string[] = [];
  outbox.send(response(ended, true), 'to nobody');
  outbox.send(response(ended), 'to somebody');
  await turn();
  expect(ended).toEqual(['to somebody']);
});
