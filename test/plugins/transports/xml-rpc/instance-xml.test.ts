import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ServiceRecord, STATUSES } from '../../../../core/index.js';
import { instanceStruct } from '../../../../plugins/transports/xml-rpc/methods/instance-struct.js';
import { instanceXml } from '../../../../plugins/transports/xml-rpc/methods/instance-xml.js';
import { writeResponse } from '../../../../plugins/transports/xml-rpc/writer.js';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '<&>', ']]>', '\r\n', '\ud800', '\u0000'),
);
const time = fc.integer({ min: 0, max: 4e12 });
const record: fc.Arbitrary<ServiceRecord> = fc
  .record(
    {
      id: fc.nat(2 ** 33),
      name: text,
      instance: text,
      host: text,
      port: fc.integer({ min: 1, max: 65_535 }),
      status: fc.constantFrom(...STATUSES),
      reason: text,
      version: text,
      tags: fc.array(text, { maxLength: 3 }),
      meta: fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', '7')), text, { maxKeys: 3 }),
      weight: fc.oneof(fc.nat(65_535), fc.double({ min: 0, max: 65_535, noNaN: true })),
      zone: text,
      ttlMs: fc.nat(2 ** 33),
      owner: text,
      registeredAt: time,
      updatedAt: time,
    },
    {
      requiredKeys: [
        ...(['id', 'name', 'instance', 'host', 'port', 'status', 'reason', 'tags', 'meta'] as const),
        ...(['weight', 'owner', 'registeredAt', 'updatedAt'] as const),
      ],
    },
  )
  .map((fields) => fields as unknown as ServiceRecord);

test('an instance is written as its struct would be, whatever it says of itself', () => {
  fc.assert(
    fc.property(record, fc.boolean(), (one, isStale) => {
      const struct = { ...instanceStruct(one), ...(isStale && { stale: true }) };
      expect(writeResponse(struct)).toContain(`<param>${instanceXml(one, isStale)}</param>`);
    }),
    { numRuns: 500 },
  );
});
