import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { readMethodCall } from '../../../../../plugins/transports/xml-rpc/reader.js';
import { writeCall } from '../../../../../plugins/transports/xml-rpc/writer.js';

/** Of npm `xmlrpc`, which was our client once (docs/adr/0005). */
const { serializeMethodCall } = createRequire(import.meta.url)('xmlrpc/lib/serializer.js') as {
  serializeMethodCall(method: string, params: string[]): string;
};

/** A name that someone else chose. */
const NAME = 'a]]>b]]></string></value></param><param><value><string><![CDATA[10.6.6.6';

test('a name from outside adds a parameter to the call of the npm client, and none to ours', () => {
  expect(readMethodCall(serializeMethodCall('unregister', [NAME])).params).toEqual(['a]]>b', '10.6.6.6']);
  expect(readMethodCall(writeCall('unregister', [NAME])).params).toEqual([NAME]);
});
