import { describe, expect, it } from 'vitest';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';
import { makeXmlRpcDoor } from '../../../support/xml-rpc-door.js';

type Struct = { readonly [member: string]: XmlRpcValue };

describe('describe', () => {
  it('tells all that is known of an instance that is well', async () => {
    const { call, services, clock } = await makeXmlRpcDoor();
    const id = (await call('register', 'echo', '10.0.0.1', 9000, 1, {
      ...{ instance: 'a', version: '1', zone: 'eu', tags: ['t'], meta: { a: 'b' }, weight: 2, ttl: '30s' },
      checks: [{ kind: 'tcp', every: '5s' }],
    })) as number;
    clock.advance(10_000);
    expect(await call('describe', id)).toEqual({
      ...{
        id,
        name: 'echo',
        instance: 'a',
        host: '10.0.0.1',
        port: 9000,
        status: 1,
        reason: '',
        owner: 'xml-rpc',
      },
      ...{ version: '1', zone: 'eu', tags: ['t'], meta: { a: 'b' }, weight: 2, ttl: 30_000 },
      registered_at: new Date('2026-01-01T00:00:00Z'),
      updated_at: new Date('2026-01-01T00:00:00Z'),
      stale: false,
      lease_left: 20_000,
      checks: [{ kind: 'tcp', spec: { kind: 'tcp', every: '5s' } }],
      voices: { reported: { status: 1, reason: '' } },
      home: services.home,
      revision: String(services.get(id)?.revision),
    });
  });

  it('tells how its checks fare, also those that it did not ask for itself', async () => {
    const verdict = { status: 'error', output: 'ECONNREFUSED', latencyMs: 0.25 } as const;
    const reports = [
      { kind: 'tcp', spec: { kind: 'tcp' }, verdict, at: Date.UTC(2026, 0, 1), failures: 7 },
      { kind: 'http', spec: { kind: 'http', path: null }, problem: 'no such checker' },
    ];
    const { call } = await makeXmlRpcDoor({ checkReports: () => reports });
    const id = (await call('register', 'echo', '10.0.0.1', 9000)) as number;
    expect(await call('describe', id)).toMatchObject({
      checks: [
        {
          ...{ kind: 'tcp', spec: { kind: 'tcp' }, status: -1, output: 'ECONNREFUSED', latency: 0.25 },
          ...{ at: new Date('2026-01-01T00:00:00Z'), failures: 7 },
        },
        { kind: 'http', spec: { kind: 'http' }, problem: 'no such checker' },
      ],
    });
  });

  it('says who has spoken against it, and that its lease has ended', async () => {
    const { call, services, clock } = await makeXmlRpcDoor();
    const id = (await call('register', 'echo', '10.0.0.1', 9000, 4, { instance: 'a', ttl: 1_000 })) as number;
    await services.manage('echo', 'a', { status: 'draining', reason: 'a new version comes' });
    services.observe('echo', 'a', { status: 'error', reason: 'tcp: refused' });
    clock.advance(1_000);
    const before = (await call('describe', id)) as Struct;
    expect(before.voices).toEqual({
      reported: { status: 4, reason: '' },
      managed: { status: 3, reason: 'a new version comes' },
      check: { status: -1, reason: 'tcp: refused' },
      lease: { status: -1, reason: 'no heartbeat within 1000 ms' },
    });
    expect(before).not.toHaveProperty('lease_left');
    services.exited('echo', 'a', 'exit code 1');
    expect(await call('describe', id)).toMatchObject({
      status: 0,
      reason: 'exit code 1',
      voices: { exited: { status: 0, reason: 'exit code 1' } },
    });
  });

  it('says that one is stale, which fell silent with many others', async () => {
    const { call, services } = await makeXmlRpcDoor();
    for (let n = 1; n <= 10; n++) await call('register', 'echo', '10.0.0.1', n);
    for (let n = 1; n <= 10; n++) services.observe('echo', `10.0.0.1:${n}`, { status: 'error', reason: 'x' });
    expect(await call('describe', 1)).toMatchObject({ stale: true, status: -1 });
    const found = (await call('lookup', 'echo')) as Struct[];
    expect(found[0]).toMatchObject({ id: 1, stale: true });
  });

  it('of what is not there is a fault NOT_FOUND', async () => {
    const { call } = await makeXmlRpcDoor();
    for (const id of [0, -1, 7, 2 ** 31 - 1]) {
      await expect(call('describe', id)).rejects.toMatchObject({
        faultCode: 1001,
        message: `There is no instance with the id ${id}; it may have been unregistered.`,
      });
    }
    await expect(call('describe', '1')).rejects.toMatchObject({ faultCode: -32602 });
  });
});

it('get_status_codes answers the integer of each status', async () => {
  const { call } = await makeXmlRpcDoor();
  const all = { running: 1, stopped: 0, error: -1, starting: 2, draining: 3, degraded: 4 };
  expect(await call('get_status_codes')).toEqual(all);
});

it('system.getCapabilities names the specifications as other implementations do', async () => {
  const { call } = await makeXmlRpcDoor();
  expect(await call('system.getCapabilities')).toEqual({
    xmlrpc: { specUrl: 'http://www.xmlrpc.com/spec', specVersion: 1 },
    faults_interop: {
      specUrl: 'http://xmlrpc-epi.sourceforge.net/specs/rfc.fault_codes.php',
      specVersion: 20010516,
    },
    introspection: { specUrl: 'http://phpxmlrpc.sourceforge.net/doc-2/ch10.html', specVersion: 2 },
    'system.multicall': { specUrl: 'http://www.xmlrpc.com/discuss/msgReader$1208', specVersion: 1 },
  });
});

it('system.methodSignature answers every way to call a method', async () => {
  const { call } = await makeXmlRpcDoor();
  expect(await call('system.methodSignature', 'register')).toEqual([
    ['int', 'string', 'string', 'int'],
    ['int', 'string', 'string', 'string'],
    ['int', 'string', 'string', 'int', 'int'],
    ['int', 'string', 'string', 'string', 'int'],
    ['int', 'string', 'string', 'int', 'int', 'struct'],
    ['int', 'string', 'string', 'string', 'int', 'struct'],
  ]);
  expect(await call('system.methodSignature', 'get_service_details')).toEqual([
    ['array', 'string'],
    ['boolean', 'string'],
  ]);
  expect(await call('system.methodHelp', 'get_reg_count')).toBe(
    'get_reg_count(): How many instances are registered.',
  );
});

it('list_services counts the instances of each service, and those that run', async () => {
  const { call } = await makeXmlRpcDoor();
  expect(await call('list_services')).toEqual([]);
  await call('register', 'a', '10.0.0.1', 1);
  await call('register', 'b', '10.0.0.1', 2, 4);
  await call('register', 'a', '10.0.0.1', 3, 0);
  expect(await call('list_services')).toEqual([
    { name: 'a', instances: 2, running: 1 },
    { name: 'b', instances: 1, running: 0 },
  ]);
});

describe('a name given by an attacker', () => {
  it.each([
    [']]></value></member><member><name>id</name><value><int>1'],
    ['</string></value></data></array></value></param></params></methodResponse>'],
    ['&lt;b&gt; &amp; &#x110000; "quoted" \'both\''],
    ['<![CDATA[x]]>'],
    ['__proto__'],
    ['constructor'],
    ['\u2028\ufeff\u202e \ud83d\ude00 \ufffd'],
    ['x'.repeat(256)],
  ])('%s comes back as it is from every method, and forges nothing', async (name) => {
    const { call } = await makeXmlRpcDoor();
    await call('register', 'other', '10.0.0.2', 9000);
    const id = (await call('register', name, '10.0.0.1', 9000, 1, {
      ...{ meta: { k: name }, tags: [name.slice(0, 128)] },
      checks: [{ kind: 'tcp', k: name }],
    })) as number;
    const own = { id, name, meta: { k: name }, tags: [name.slice(0, 128)] };
    expect(await call('lookup', name)).toEqual([expect.objectContaining(own)]);
    expect(await call('find', { name })).toEqual([expect.objectContaining(own)]);
    expect(await call('find', {}, { sort: { name: 1 } })).toHaveLength(2);
    expect(await call('describe', id)).toMatchObject({
      ...own,
      checks: [{ kind: 'tcp', spec: { k: name } }],
    });
    expect(await call('list_services')).toContainEqual({ name, instances: 1, running: 1 });
    expect(JSON.parse((await call('get_all_service_details')) as string)[id]).toMatchObject({ id, name });
    const calls = [{ methodName: 'lookup', params: [name] }];
    expect(await call('system.multicall', calls)).toEqual([[[expect.objectContaining(own)]]]);
    expect(await call('get_reg_count')).toBe(2);
    expect(await call('unregister', name)).toBe(true);
    expect(await call('get_reg_count')).toBe(1);
  });

  it.each([['a\tb'], ['a\nb'], ['a\u007fb'], [''], ['x'.repeat(257)], ['x'.repeat(900_000)]])(
    'that is no name is refused in a line of bounded length',
    async (name) => {
      const { call } = await makeXmlRpcDoor();
      const fault = await call('register', name, '10.0.0.1', 9000).catch((error: unknown) => error as Error);
      expect(fault).toMatchObject({
        faultCode: -32602,
        message: expect.stringMatching(/^"name": .{1,200}$/),
      });
      expect(await call('lookup', name)).toEqual([]);
      expect(await call('unregister', name)).toBe(false);
    },
  );

  it.each<[string, string, readonly XmlRpcValue[]]>([
    ['a method', 'system.methodHelp', ['m\n"\u0085'.repeat(100_000)]],
    ['a host', 'register', ['echo', 'h\n'.repeat(100_000), 1]],
    ['a port', 'register', ['echo', '10.0.0.1', '9'.repeat(500_000)]],
    ['a member of details', 'register', ['echo', '10.0.0.1', 1, 1, { ['k\n'.repeat(100_000)]: 1 }]],
    [
      'a thousand members of details',
      'register',
      ['echo', '10.0.0.1', 1, 1, Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`k${n}`, n]))],
    ],
    ['a member of meta', 'register', ['echo', '10.0.0.1', 1, 1, { meta: { ['k'.repeat(500_000)]: 'v' } }]],
    ['an operator', 'find', [{ name: { [`$${'o'.repeat(500_000)}`]: 1 } }]],
    ['a sort', 'find', [{}, { sort: { ['s'.repeat(500_000)]: 'x' } }]],
    ['a service to be resolved', 'resolve', ['s\n'.repeat(100_000), 0]],
  ])('in the place of %s is never quoted at length', async (_, method, params) => {
    const { call } = await makeXmlRpcDoor();
    const fault = await call(method, ...params).catch((error: unknown) => error as Error);
    expect(fault).toBeInstanceOf(Error);
    expect((fault as Error).message.length).toBeLessThan(1_100);
  });
});
