import { describe, test } from 'vitest';
import { systemClock } from '../../../../core/index.js';
import { createCaller } from '../../../../plugins/transports/xml-rpc/client/caller.js';
import xmlRpc from '../../../../plugins/transports/xml-rpc/index.js';
import { writeCall } from '../../../../plugins/transports/xml-rpc/writer.js';
import { describeTransport } from '../../../contracts/transport.js';

describe('the XML-RPC door', () => {
  describeTransport({
    test,
    subject: {
      entry: (port) => [xmlRpc, { port }],
      caller(url) {
        const { call } = createCaller(url, { clock: systemClock });
        return {
          register: async (name, host, port) => (await call('register', name, host, port)) as number,
          unregister: async (name) => (await call('unregister', name)) as boolean,
          lookup: async (name) => {
            const found = (await call('lookup', name)) as { host: string; port: number }[];
            return found.map(({ host, port }) => ({ host, port }));
          },
          operation: (name, params) => call(name, ...(Object.values(params) as string[])),
        };
      },
      httpRequest: {
        method: 'POST',
        path: '/RPC2',
        headers: { 'content-type': 'text/xml' },
        body: writeCall('register', ['payments', '127.0.0.1', 9000]),
      },
    },
  });
});
