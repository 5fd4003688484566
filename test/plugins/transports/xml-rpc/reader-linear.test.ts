import { expect, test, vi } from 'vitest';
import type { Decoded } from '../../../../plugins/transports/xml-rpc/reader-decode.js';
import { everyBomb } from '../../../fuzz/bombs.js';

/**
 * The reader's work in steps, not in time: a step is a character looked at, whether by the reader itself, or by the search
 * or the copying that it asks of the engine.
 */
let steps = 0;

class CountedText extends String {
  override indexOf(searched: string, from = 0): number {
    const found = super.indexOf(searched, from);
    steps += (found < 0 ? this.length : found) - from;
    return found;
  }
  override slice(from?: number, to?: number): string {
    const slice = super.slice(from, to);
    steps += slice.length;
    return slice;
  }
  override startsWith(searched: string, from?: number): boolean {
    steps += searched.length;
    return super.startsWith(searched, from);
  }
}

function counted({ text, codes, start }: Decoded): Decoded {
  const looked = new Proxy(codes, {
    get(target, name) {
      steps++;
      return target[name as unknown as number];
    },
  });
  return { text: new CountedText(text) as string, codes: looked, start };
}

vi.mock('../../../../plugins/transports/xml-rpc/reader-decode.js', async (original) => {
  const real = await original<typeof import('../../../../plugins/transports/xml-rpc/reader-decode.js')>();
  return { ...real, decode: (body: Buffer) => counted(real.decode(body)) };
});
const { readMethodCall } = await import('../../../../plugins/transports/xml-rpc/reader.js');

function stepsOf(body: Buffer): number {
  steps = 0;
  try {
    readMethodCall(body);
  } catch {
    // A fault is as good an end as any.
  }
  return steps;
}

test('a message of twice the length is twice the work at most, whatever it is spent on', () => {
  const twice = everyBomb(20_000);
  for (const [at, once] of everyBomb(10_000).entries()) {
    const taken = stepsOf(once);
    const message = once.toString('latin1', 0, 160);
    expect(stepsOf(twice[at] as Buffer), message).toBeLessThan(2.2 * taken + 1_000);
    expect(taken, message).toBeLessThan(30 * once.length);
  }
});

test('every character that is read is a step, so that the above says something', () => {
  const call = (text: string) =>
    Buffer.from(
      `<methodCall><methodName>m</methodName><params><param><value>${text}</value></param></params></methodCall>`,
    );
  expect(stepsOf(call('a'.repeat(1_000))) - stepsOf(call(''))).toBeGreaterThan(1_000);
});
