import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Chooser } from '../../plugins/transports/xml-rpc/client/chooser.js';
import { clientSettings, registrationRequest } from '../../plugins/transports/xml-rpc/client/options.js';
import { FakeClock } from '../support/fake-clock.js';
import { tableRows } from '../support/table-rows.js';

const page = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8');
const section = (title: string) => page.split(/^## /m).find((text) => text.startsWith(title)) ?? '';

/** The options in the tables of a section, each with its default as it is written. */
function documented(title: string): Map<string, string> {
  const rows = tableRows(section(title)).flatMap(([names = '', byDefault = '']) =>
    [...names.matchAll(/`([\w.]+)`/g)].map(([, name = '']) => [name, byDefault.replaceAll('`', '')] as const),
  );
  return new Map(rows);
}

/** The names that the code itself lists when it is given another. */
function known(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    return /Known: (.*)\./.exec((error as Error).message)?.[1]?.split(', ') ?? [];
  }
  return [];
}

const unknown = { zzzzzzzzzzzzzzz: 1 } as object;

describe('docs/client.md', () => {
  test('has every option of register, and no other, with its default', () => {
    const options = documented('Register');
    const names = known(() => registrationRequest('payments', { port: 1, ...unknown }));
    expect(names.length).toBeGreaterThan(10);
    expect([...options.keys()].sort()).toEqual(names.sort());
    const { details, ...request } = registrationRequest('payments', { port: 1 });
    expect(options.get('ttlMs')).toBe(String(details.ttl));
    expect(request.heartbeatMs).toBe(Number(details.ttl) / 3);
    for (const name of ['waitMs', 'unregisterOnExit', 'keepAlive'] as const)
      expect(options.get(name)).toBe(String(request[name]));
    expect(options.get('status')).toBe(`'${request.status}'`);
  });

  test('has every option of the client, and no other, with its default', () => {
    const options = documented("The client's options");
    const names = [
      ...known(() => clientSettings(unknown)),
      ...known(() => clientSettings({ cache: unknown })).map((name) => `cache.${name}`),
    ];
    expect([...options.keys()].sort()).toEqual(names.sort());
    const { cache, timeoutMs, connectTimeoutMs } = clientSettings();
    expect(options.get('timeoutMs')).toBe(String(timeoutMs));
    expect(options.get('connectTimeoutMs')).toBe(String(connectTimeoutMs));
    for (const [name, value] of Object.entries(cache ?? {}))
      expect(options.get(`cache.${name}`)).toBe(String(value));
  });

  test('has every way to choose, and no other', () => {
    const ways = tableRows(section('Find others')).flatMap(
      ([name = '']) => /^`'(.*)'`$/.exec(name)?.[1] ?? [],
    );
    const two = [{ isStale: false }, { isStale: false }] as never;
    let message = '';
    try {
      new Chooser(new FakeClock()).choose([...two], 'no way' as never);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(ways.sort()).toEqual(/expected one of (.*)\./.exec(message)?.[1]?.split(', ').sort());
  });
});
