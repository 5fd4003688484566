import { afterEach, expect, test } from 'vitest';
import { readMethodResponse } from '../../plugins/transports/xml-rpc/reader.js';
import { writeCall } from '../../plugins/transports/xml-rpc/writer.js';
import { RawConnection } from '../support/raw-http.js';
import { RollcallProcess } from '../support/rollcall-process.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test.runIf(process.platform === 'linux')(
  'more callers than files may be open leave the registry at work, and it says once what to raise',
  async () => {
    const registry = await RollcallProcess.create(
      `export default { store: ['file', { path: './data' }], plugins: [['xml-rpc', { port: 0 }]] };`,
    );
    cleanups.push(() => registry.dispose());
    await registry.start('sh', '-c', 'ulimit -n 200 && exec "$@"', 'sh');
    const port = Number(new URL(registry.url).port);
    const register = async (connection: RawConnection, name: string) => {
      const answer = await connection
        .post('/RPC2', writeCall('register', [name, '127.0.0.1', 9000]))
        .answer();
      return readMethodResponse(Buffer.from(answer.body));
    };

    const all: RawConnection[] = [];
    for (let i = 0; i < 220; i++) all.push(await RawConnection.open(port));
    cleanups.push(() => all.map((connection) => connection.close()));
    // Those that came last are turned away, and none of the others.
    await all[219]?.closed;
    expect(await register(all[0] as RawConnection, 'first')).toBe(1);
    expect(await register(all[149] as RawConnection, 'last')).toBe(2);

    for (const connection of all) connection.close();
    let isIn = false;
    while (!isIn) {
      const connection = await RawConnection.open(port);
      cleanups.push(() => connection.close());
      isIn = await register(connection, 'after').then(
        (id) => id === 3,
        () => false,
      );
    }
    expect(registry.output.match(/Connections to 127\.0\.0\.1:\d+ are lost/g)).toHaveLength(1);
    expect(registry.output).toContain('may open no more files; raise that limit (ulimit -n)');
  },
);
