import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { z } from 'zod';
import {
  createRegistry,
  definePlugin,
  type PluginApi,
  type Registry,
  type RegistryPlugin,
  silentLogger,
} from '../../core/index.js';

/** A caller of the door, through whatever client its protocol has. Each call rejects where the door refuses. */
export interface TransportCaller {
  /** Answers the id. */
  register(name: string, host: string, port: number): Promise<number>;
  /** Answers whether there was one. */
  unregister(name: string): Promise<boolean>;
  /** The addresses that may be called. */
  lookup(name: string): Promise<{ host: string; port: number }[]>;
  /** Any operation that a plugin contributes. */
  operation(name: string, params: Record<string, unknown>): Promise<unknown>;
}

/** How a transport is made and called. */
export interface TransportSubject {
  /** The plugin, with options that open one door on this port (0: any) of 127.0.0.1. */
  entry(port: number): readonly [RegistryPlugin, unknown];
  caller(url: string): TransportCaller;
  /** An HTTP request that the door would answer, for the rules on web pages; absent for doors that are no HTTP. */
  httpRequest?: { method: string; path: string; headers: Record<string, string>; body: string };
}

/**
 * What every transport must do. `test` is the test function of any runner.
 */
export function describeTransport(options: {
  test: (name: string, run: () => Promise<void>) => void;
  subject: TransportSubject;
}): void {
  const { test, subject } = options;

  const within = async (
    run: (parts: { registry: Registry; caller: TransportCaller; url: string; port: number }) => Promise<void>,
    extra: RegistryPlugin[] = [],
  ) => {
    const registry = await createRegistry({
      config: { store: 'memory', plugins: [[...subject.entry(0)], ...extra] },
      logger: silentLogger,
    });
    try {
      await registry.start();
      const [door] = registry.doors;
      assert.ok(door, 'the transport opens a door in hook `listen`');
      await run({ registry, caller: subject.caller(door.url), url: door.url, port: door.address.port });
    } finally {
      await registry.stop();
    }
  };

  test('what is registered through the door is found through it, until it is unregistered', () =>
    within(async ({ caller, registry }) => {
      const id = await caller.register('payments', '127.0.0.1', 9000);
      assert.ok(Number.isInteger(id) && id >= 1);
      assert.equal(await caller.register('payments', '127.0.0.1', 9000), id, 'registering again renews');
      assert.deepEqual(await caller.lookup('payments'), [{ host: '127.0.0.1', port: 9000 }]);
      assert.equal(registry.services.get(id)?.status, 'running');
      assert.notEqual(registry.services.get(id)?.owner, '', 'the record says which door it came through');
      assert.equal(await caller.unregister('payments'), true);
      assert.equal(await caller.unregister('payments'), false);
      assert.deepEqual(await caller.lookup('payments'), []);
    }));

  test('a call with bad arguments is refused, and changes nothing', () =>
    within(async ({ caller, registry }) => {
      await assert.rejects(caller.register('', '127.0.0.1', 9000));
      await assert.rejects(caller.register('payments', 'no host', 9000));
      await assert.rejects(caller.register('payments', '127.0.0.1', 70_000));
      await assert.rejects(caller.register('x'.repeat(10_000), '127.0.0.1', 9000));
      assert.equal(registry.services.count(), 0);
    }));

  test('a hundred callers at once each get their own answer', () =>
    within(async ({ caller }) => {
      const ids = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          caller.register(`service-${index}`, '127.0.0.1', 1_000 + index),
        ),
      );
      assert.equal(new Set(ids).size, 100);
      const found = await Promise.all(ids.map((_, index) => caller.lookup(`service-${index}`)));
      found.forEach((addresses, index) => {
        assert.deepEqual(addresses, [{ host: '127.0.0.1', port: 1_000 + index }]);
      });
    }));

  test('an operation that another plugin contributes is served', () => {
    const contributor = definePlugin({
      name: 'contributor',
      setup(api: PluginApi) {
        api.addOperation({
          name: 'greet',
          summary: 'Greets.',
          params: z.strictObject({ name: z.string().max(20) }),
          verb: 'read',
          run: ({ name }) => ({ greeting: `Hello, ${name}`, nothing: null }),
        });
      },
    });
    return within(
      async ({ caller }) => {
        const answer = (await caller.operation('greet', { name: 'Ada' })) as { greeting: string };
        assert.equal(answer.greeting, 'Hello, Ada');
        await assert.rejects(caller.operation('greet', { name: 'x'.repeat(21) }));
        await assert.rejects(caller.operation('nothing-of-the-kind', {}));
      },
      [contributor],
    );
  });

  test('an access plugin decides, and one that fails refuses', () => {
    let answer: () => { allow: true; who: string } | { allow: false; reason: string } | undefined = () =>
      undefined;
    const access = definePlugin({
      name: 'access',
      setup(api: PluginApi) {
        api.hooks.authorize.tap(() => answer());
      },
    });
    return within(
      async ({ caller, registry }) => {
        answer = () => ({ allow: true, who: 'ada' });
        await caller.register('payments', '127.0.0.1', 9000);
        answer = () => ({ allow: false, reason: 'not you' });
        await assert.rejects(caller.register('other', '127.0.0.1', 9001), /not you/);
        answer = () => undefined;
        await assert.rejects(caller.lookup('payments'));
        answer = () => {
          throw new Error('broken');
        };
        await assert.rejects(caller.unregister('payments'));
        assert.equal(registry.services.count(), 1);
      },
      [access],
    );
  });

  test('bytes that mean nothing, and peers that hang up halfway, harm nobody else', () =>
    within(async ({ caller, port }) => {
      const garbage = [
        '\0\0\0\0',
        'GET',
        'POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n',
        '\xff'.repeat(5_000),
        '<',
      ];
      await Promise.all(garbage.map((bytes) => sendAndHangUp(port, bytes)));
      assert.equal(await caller.register('payments', '127.0.0.1', 9000), 1);
    }));

  test('a port in use stops the start, and the message names the plugin and the port', () =>
    within(async ({ port }) => {
      const [plugin] = subject.entry(port);
      const second = await createRegistry({
        config: { store: 'memory', plugins: [[...subject.entry(port)]] },
        logger: silentLogger,
      });
      await assert.rejects(second.start(), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'ADDRESS_IN_USE');
        assert.match(error.message, new RegExp(plugin.name));
        assert.match(error.message, new RegExp(String(port)));
        return true;
      });
    }));

  test('after a stop the port is free', async () => {
    let freed = 0;
    await within(async ({ port }) => {
      freed = port;
    });
    await assert.rejects(open(freed), /ECONNREFUSED/);
  });

  const { httpRequest } = subject;
  if (httpRequest === undefined) return;
  test('a web page of another site cannot call', () =>
    within(async ({ url, registry }) => {
      const { method, path, headers, body } = httpRequest;
      const call = (more: Record<string, string>) =>
        fetch(url + path, { method, headers: { ...headers, ...more }, body });
      assert.equal((await call({ origin: 'https://evil.example' })).status, 403);
      assert.equal(registry.services.count(), 0);
      assert.equal((await call({})).status, 200);
    }));
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
  });
}

async function sendAndHangUp(port: number, bytes: string): Promise<void> {
  const socket = await open(port);
  await new Promise<void>((resolve) => {
    socket.write(Buffer.from(bytes, 'latin1'), () => {
      socket.destroy();
      resolve();
    });
  });
}
