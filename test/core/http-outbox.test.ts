import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Outbox } from '../../core/http-outbox.js';

function answer(written: string[], text: string) {
  return { flush: () => void written.push(text) };
}

test('answers of one turn of the event loop are written together, in their order', async () => {
  const outbox = new Outbox();
  const written: string[] = [];
  for (const text of ['a', 'b', 'c']) outbox.add(answer(written, text));
  expect(written).toEqual([]);
  await turn();
  expect(written).toEqual(['a', 'b', 'c']);
  outbox.add(answer(written, 'd'));
  await turn();
  expect(written.at(-1)).toBe('d');
});

test('an answer does not wait for more than 31 others', () => {
  const outbox = new Outbox();
  const written: string[] = [];
  for (let index = 0; index < 40; index++) outbox.add(answer(written, String(index)));
  expect(written).toHaveLength(32);
});

test('what is put out while others are written is written too, after them', async () => {
  const outbox = new Outbox();
  const written: string[] = [];
  outbox.add({ flush: () => outbox.add(answer(written, 'second')) });
  outbox.add(answer(written, 'first'));
  await turn();
  await turn();
  expect(written).toEqual(['first', 'second']);
});
