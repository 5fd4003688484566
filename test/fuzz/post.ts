import { judgeAnswer, type Verdict } from './judge.js';

/** A wait that a call asks for is no hang. */
const WAITING: ReadonlySet<string> = new Set(['resolve', 'wait_for_change', 'system.multicall']);

/** Posts a message to a door; answers what is wrong with what comes back, if anything is. `expected` is what the reader made of it. */
export async function post(url: string, body: Buffer, expected: Verdict): Promise<string | undefined> {
  const waits = WAITING.has(expected.call?.method ?? '');
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'text/xml' },
      body: new Uint8Array(body),
      signal: AbortSignal.timeout(waits ? 500 : 20_000),
    });
    return judgeAnswer(response.status, await response.text(), expected);
  } catch (error) {
    const { name, cause } = error as Error;
    return waits && name === 'TimeoutError' ? undefined : `no answer: ${name} ${String(cause ?? '')}`;
  }
}
