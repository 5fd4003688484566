import fc from 'fast-check';
import { expect, test } from 'vitest';
import { instanceStruct } from '../../../../plugins/transports/xml-rpc/methods/instance-struct.js';
import { makeXmlRpcDoor } from '../../../support/xml-rpc-door.js';

const NAMES = ['many', 'few', 'most'] as const;
/** An answer with so many is kept until something changes. */
const MANY = 12;
/** When all of these fall silent, mass silence begins, and the silent ones of others are stale without a change. */
const MOST = 20;

const step = fc.record({
  what: fc.constantFrom('register', 'unregister', 'report', 'fail', 'recover', 'failAll', 'recoverAll'),
  name: fc.constantFrom(...NAMES),
  at: fc.nat(MANY - 1),
  status: fc.constantFrom('running', 'degraded', 'stopped'),
});

test('lookup answers what there is, also of a service whose last answer was kept', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const { services, call, clock } = await makeXmlRpcDoor();
      const register = (name: string, at: number, weight = 1) =>
        services.register({ name, instance: `i${at}`, host: '10.0.0.1', port: 9000, weight });
      for (let at = 0; at < MANY; at++) await register('many', at);
      for (let at = 0; at < MOST; at++) await register('most', at);
      await register('few', 0);
      const isRight = async () => {
        for (const name of NAMES) {
          const { records, stale } = services.lookup(name);
          const expected = [
            ...records.map((record) => instanceStruct(record)),
            ...stale.map((record) => ({ ...instanceStruct(record), stale: true })),
          ];
          // The first may be written for this call, the second is one that was kept.
          for (let time = 0; time < 2; time++)
            expect(await call('lookup', name)).toEqual(atSeconds(expected));
        }
      };
      const observe = (name: string, at: number, isFailing: boolean) =>
        services.observe(name, `i${at}`, isFailing ? { status: 'error', reason: 'refused' } : undefined);
      await isRight();
      for (const { what, name, at, status } of steps) {
        clock.advance(400);
        if (what === 'register') await register(name, at, 2);
        else if (what === 'unregister') await services.unregister(name, { instance: `i${at}` });
        else if (what === 'report') await services.updateStatus(name, status, { instance: `i${at}` });
        else if (what === 'fail' || what === 'recover') observe(name, at, what === 'fail');
        else for (let one = 0; one < MOST; one++) observe('most', one, what === 'failAll');
        await isRight();
      }
    }),
    { numRuns: 60 },
  );
});

/** On the wire a time is without its milliseconds. */
function atSeconds(structs: readonly ReturnType<typeof instanceStruct>[]) {
  const cut = (date: Date) => new Date(Math.floor(date.getTime() / 1_000) * 1_000);
  return structs.map((one) => ({
    ...one,
    registered_at: cut(one.registered_at),
    updated_at: cut(one.updated_at),
  }));
}
