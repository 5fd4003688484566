import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { STRUCTS, type StructSpec } from '../../../../plugins/transports/xml-rpc/methods/structs.js';
import { METHODS } from '../../../../plugins/transports/xml-rpc/methods/table.js';
import type { MethodName } from '../../../../plugins/transports/xml-rpc/methods/types.js';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';
import { writeCall } from '../../../../plugins/transports/xml-rpc/writer.js';
import { type MadeDoor, makeXmlRpcDoor } from '../../../support/xml-rpc-door.js';

/** Calls of every method: one without what is optional, and others. */
const CALLS: { readonly [name in MethodName]: readonly (readonly XmlRpcValue[])[] } = {
  register: [
    ['new', '10.0.0.9', 9000],
    ['new', 'http://10.0.0.9/', '9000', 2, { ttl: '30d' }],
  ],
  update_status: [
    ['plain', 1],
    ['nobody', 0],
    ['full', -1, 2],
  ],
  unregister: [['new'], ['nobody', 7]],
  get_service_details: [['plain'], ['full'], ['nobody']],
  get_all_service_details: [[]],
  get_reg_count: [[]],
  describe: [[1], [2], [3]],
  find: [[], [{ name: 'full' }], [{}, { limit: 1, after: 1 }], [{}, { sort: { port: -1 }, skip: 1 }]],
  get_status_codes: [[]],
  heartbeat: [['full'], ['full', 2], ['nobody']],
  list_services: [[]],
  lookup: [['plain'], ['full', { zone: 'eu' }], ['nobody']],
  resolve: [['plain'], ['plain', 0.5]],
  wait_for_change: [
    ['', 30],
    ['', 0, 'full'],
  ],
  'system.getCapabilities': [[]],
  'system.listMethods': [[]],
  'system.methodHelp': [['register']],
  'system.methodSignature': [['register']],
  'system.multicall': [
    [
      [
        { methodName: 'get_reg_count', params: [] },
        { methodName: 'nope', params: [] },
      ],
    ],
  ],
};

/** One instance with nothing optional, one with everything, and one that everybody complains of. */
async function populated(): Promise<MadeDoor> {
  const made = await makeXmlRpcDoor();
  const { services } = made;
  await services.register({ name: 'plain', host: '10.0.0.1', port: 9000 });
  await services.register({
    ...{ name: 'full', instance: 'a', host: 'http://10.0.0.2/x', port: '9001', version: '1.2', zone: 'eu' },
    ...{ tags: ['blue', ' '], meta: { a: 'b', c: '' }, weight: 0.5, ttlMs: 30 * 86_400_000 },
    checks: [{ kind: 'http', path: '/', headers: { x: null, y: [null, 1] }, big: 2 ** 40 }],
  });
  await services.register({ name: 'ill', host: '10.0.0.3', port: 9002, status: 'degraded', ttlMs: 1_000 });
  await services.manage('ill', '10.0.0.3:9002', { status: 'draining', reason: 'm' });
  services.exited('ill', '10.0.0.3:9002', 'e');
  services.observe('ill', '10.0.0.3:9002', { status: 'error', reason: 'c' });
  made.clock.advance(1_000);
  return made;
}

/** How a value differs from a type as the table writes it; nothing where it does not. */
function difference(value: XmlRpcValue, type: string, where: string): string[] {
  const options = type.split('|').map((one) => differenceFromOne(value, one, where));
  return options.find((found) => found.length === 0) ?? options[0] ?? [];
}

function differenceFromOne(value: XmlRpcValue, type: string, where: string): string[] {
  const wrong = [`${where} is ${JSON.stringify(value)}, not ${type}`];
  const fits = (isFit: boolean) => (isFit ? [] : wrong);
  const item = /^(.+)\[\]$/.exec(type)?.[1];
  if (item !== undefined) {
    return Array.isArray(value)
      ? value.flatMap((one, at) => difference(one, item, `${where}[${at}]`))
      : wrong;
  }
  const member = /^struct<(.+)>$/.exec(type)?.[1];
  if (member !== undefined) {
    return Object.entries(value as object).flatMap(([name, one]) =>
      difference(one, member, `${where}.${name}`),
    );
  }
  if (type in STRUCTS) return structDifference(value, STRUCTS[type as keyof typeof STRUCTS], where);
  switch (type) {
    case 'int':
      return fits(Number.isInteger(value));
    case 'double':
      return fits(typeof value === 'number');
    case 'false':
      return fits(value === false);
    case 'dateTime.iso8601':
      return fits(value instanceof Date);
    case 'array':
      return fits(Array.isArray(value));
    case 'struct':
      return fits(typeof value === 'object' && !Array.isArray(value));
    case 'Address':
      return fits(Array.isArray(value) && value.length === 2);
    default:
      return fits(typeof value === type);
  }
}

function structDifference(value: XmlRpcValue, { members }: StructSpec, where: string): string[] {
  const struct = value as { readonly [name: string]: XmlRpcValue };
  const unknown = Object.keys(struct).filter((name) => !(name in members));
  return [
    ...unknown.map((name) => `${where}.${name} is in no table`),
    ...Object.entries(members).flatMap(([name, { type, optional }]) => {
      const member = struct[name];
      if (member !== undefined) return difference(member, type, `${where}.${name}`);
      return optional ? [] : [`${where}.${name} is missing`];
    }),
  ];
}

describe('every method', () => {
  it.each(Object.entries(CALLS))('%s answers what the table says, to the member', async (name, calls) => {
    const { call } = await populated();
    for (const params of calls) {
      const answer = await call(name, ...params);
      expect(difference(answer, METHODS[name as MethodName].returns, name)).toEqual([]);
    }
  });

  it.each(Object.entries(CALLS))(
    '%s answers neither <nil/> nor <i8>, which not every client reads',
    async (name, calls) => {
      const { answerTo } = await populated();
      for (const params of calls) {
        const answer = await answerTo(writeCall(name, params));
        expect(answer).not.toMatch(/<nil|<i8/);
        expect(answer).not.toContain('<fault>');
      }
    },
  );

  it('says every optional member of an instance where there is something to say', async () => {
    const { call } = await populated();
    const [, full] = (await call('find')) as Record<string, XmlRpcValue>[];
    expect(Object.keys(full ?? {})).toEqual(
      Object.keys(STRUCTS.InstanceStruct.members).filter((name) => name !== 'stale'),
    );
    expect(full).toMatchObject({ ttl: 2_592_000_000, weight: 0.5, zone: 'eu', version: '1.2' });
  });
});

describe('an operation of a plugin', () => {
  it('has its nulls left out, and what is beyond 32 bits as a double', async () => {
    const uptime = { name: 'uptime', summary: 'x', params: z.strictObject({}), verb: 'read' as const };
    const result = { ms: 2 ** 40, gone: null, list: [null, { a: null, b: 1 }], deep: { x: null } };
    const nothing = { ...uptime, name: 'nothing', run: () => null };
    const { answerTo, call } = await makeXmlRpcDoor({
      operations: [{ ...uptime, run: () => result }, nothing],
    });
    expect(await call('uptime')).toEqual({ ms: 2 ** 40, list: ['', { b: 1 }], deep: {} });
    expect(await answerTo(writeCall('uptime', []))).toContain('<double>1099511627776</double>');
    expect(await call('nothing')).toBe('');
  });
});
