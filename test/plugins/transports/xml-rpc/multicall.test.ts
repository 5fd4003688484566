import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Json, Operation } from '../../../../core/index.js';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';
import { writeCall } from '../../../../plugins/transports/xml-rpc/writer.js';
import { recordingLogger } from '../../../support/recording-logger.js';
import { ScriptedStore } from '../../../support/scripted-store.js';
import { makeXmlRpcDoor, PassingClock } from '../../../support/xml-rpc-door.js';

const one = (methodName: string, ...params: XmlRpcValue[]) => ({ methodName, params });
const register = (n: number) => one('register', 'echo', '10.0.0.1', 1 + n);

function operation(name: string, verb: Operation['verb'], run: () => Json | Promise<Json>): Operation {
  return { name, summary: 'x', params: z.strictObject({}), verb, run };
}

describe('system.multicall', () => {
  it('answers each call with its one answer, or the struct of its fault, in order', async () => {
    const { call } = await makeXmlRpcDoor();
    expect(
      await call('system.multicall', [
        register(0),
        one('get_service_details', 'echo'),
        one('nope'),
        one('get_service_details', 'echo', 7),
        one('describe', 9),
        one('get_reg_count'),
      ]),
    ).toEqual([
      [1],
      [['10.0.0.1', 1]],
      { faultCode: -32601, faultString: 'there is no method "nope"; system.listMethods lists them' },
      { faultCode: -32602, faultString: 'get_service_details(name) takes 1 parameter, not 2' },
      { faultCode: 1001, faultString: 'There is no instance with the id 9; it may have been unregistered.' },
      [1],
    ]);
    expect(await call('system.multicall', [])).toEqual([]);
  });

  it.each<[string, XmlRpcValue]>([
    ['no struct', 7],
    ['null', null],
    ['no name', { params: [] }],
    ['no params', { methodName: 'get_reg_count' }],
    ['params that are no array', { methodName: 'get_reg_count', params: { 0: 1 } }],
    ['a name that is no string', { methodName: ['get_reg_count'], params: [] }],
    ['a hostile struct', JSON.parse('{"__proto__":{"methodName":"get_reg_count","params":[]}}')],
  ])('answers a call that is %s with a fault, and runs the others', async (_, bad) => {
    const { call } = await makeXmlRpcDoor();
    expect(await call('system.multicall', [bad, register(0)])).toEqual([
      { faultCode: -32602, faultString: 'each call must be a struct {methodName: string, params: array}' },
      [1],
    ]);
  });

  it('is not run within itself', async () => {
    const { call } = await makeXmlRpcDoor();
    expect(
      await call('system.multicall', [one('system.multicall', [register(0)]), one('get_reg_count')]),
    ).toEqual([
      {
        faultCode: -32602,
        faultString: 'system.multicall cannot be called within system.multicall; call it on its own',
      },
      [0],
    ]);
  });

  it('takes a thousand calls and no more', async () => {
    const { call } = await makeXmlRpcDoor();
    const calls = Array.from({ length: 1_001 }, (_, n) => register(n));
    await expect(call('system.multicall', calls)).rejects.toMatchObject({
      faultCode: -32602,
      message: 'system.multicall takes at most 1000 calls, not 1001',
    });
    const answers = (await call('system.multicall', calls.slice(1))) as unknown as number[][];
    expect(answers.map(([id]) => id)).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 1));
  });

  it('answers at once where nothing has to be waited for', async () => {
    const { answerTo } = await makeXmlRpcDoor();
    let isAnswered = false;
    const answer = answerTo(writeCall('system.multicall', [[register(0), one('lookup', 'echo')]])).then(
      () => {
        isAnswered = true;
      },
    );
    await null;
    await null;
    expect(isAnswered).toBe(true);
    await answer;
  });

  it('begins all its writes before it waits for any, so that they share one write to the disk', async () => {
    const begun: string[] = [];
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const write = (name: string) =>
      operation(name, 'admin', async () => {
        begun.push(name);
        await released;
        return name;
      });
    const { call } = await makeXmlRpcDoor({ operations: [write('a'), write('b')] });
    const answers = call('system.multicall', [one('a'), one('b'), one('get_reg_count')]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toEqual(['a', 'b']);
    release();
    expect(await answers).toEqual([['a'], ['b'], [0]]);
  });

  it('hands all its registrations to the store before the first is stored', async () => {
    const store = new ScriptedStore();
    const { call } = await makeXmlRpcDoor({ store });
    const answers = call(
      'system.multicall',
      Array.from({ length: 100 }, (_, n) => register(n)),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(store.waiting).toHaveLength(100);
    await store.settle();
    expect(await answers).toEqual(Array.from({ length: 100 }, (_, n) => [n + 1]));
  });

  it('begins its calls in order, also where one is let in later than the next', async () => {
    const { call, hooks, services } = await makeXmlRpcDoor();
    const asked: string[] = [];
    hooks.authorize.tapPromise('slow at the door', async ({ method }) => {
      asked.push(method);
      if (method === 'register') for (let turn = 0; turn < 50; turn += 1) await null;
      return method === 'heartbeat' ? { allow: false, reason: 'no' } : { allow: true, who: 'somebody' };
    });
    const calls = [register(0), one('unregister', 'echo'), one('heartbeat', 'echo'), register(1)];
    const fault = { faultCode: 1003, faultString: 'no' };
    expect(await call('system.multicall', calls)).toEqual([[1], [true], fault, [2]]);
    expect(asked).toEqual(['system.multicall', 'register', 'unregister', 'heartbeat', 'register']);
    expect(services.countOf('echo')).toBe(1);
  });

  it('ends a read before it begins the next one', async () => {
    let running = 0;
    let most = 0;
    const read = operation('slow', 'read', async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return 1;
    });
    const { call } = await makeXmlRpcDoor({ operations: [read] });
    expect(await call('system.multicall', [one('slow'), one('slow'), one('slow')])).toEqual([[1], [1], [1]]);
    expect(most).toBe(1);
  });

  it('holds no more, with all others that are under way, than four of the longest answers', async () => {
    const big = operation('big', 'read', () => 'x'.repeat(60_000));
    const open: (() => void)[] = [];
    const slow = operation(
      'slow',
      'read',
      () => new Promise<number>((resolve) => open.push(() => resolve(1))),
    );
    const { call } = await makeXmlRpcDoor({ operations: [big, slow], maxAnswer: 70_000 });
    const all = Array.from({ length: 6 }, () => call('system.multicall', [one('big'), one('slow')]));
    while (open.length < 6) await new Promise((resolve) => setImmediate(resolve));
    for (const go of open) go();
    const answers = (await Promise.all(all)) as unknown as [unknown, unknown][];
    const refused = answers.filter(([first]) => !Array.isArray(first));
    expect(refused).toHaveLength(2);
    expect(refused[0]?.[0]).toMatchObject({
      faultCode: 1005,
      faultString: expect.stringContaining('try again'),
    });
    for (const [, second] of answers) expect(second).toEqual([1]);
    // All of it is given back.
    const again = Array.from({ length: 4 }, () => call('system.multicall', [one('big')]));
    for (const [answer] of (await Promise.all(again)) as unknown as [unknown][])
      expect(answer).toHaveLength(1);
  });

  it('bounds all its answers together like one, and does not run what is beyond', async () => {
    let ran = 0;
    const big = operation('big', 'read', () => {
      ran += 1;
      return 'x'.repeat(30_000);
    });
    const { answerTo, call } = await makeXmlRpcDoor({ operations: [big], maxAnswer: 70_000 });
    const calls = [
      ...Array.from({ length: 997 }, () => one('big')),
      register(0),
      one('system.multicall', []),
    ];
    const answers = (await call('system.multicall', calls)) as unknown as {
      faultCode: number;
      faultString: string;
    }[];
    expect(answers).toHaveLength(999);
    expect(ran).toBe(3);
    expect(answers.slice(0, 2)).toEqual([['x'.repeat(30_000)], ['x'.repeat(30_000)]]);
    expect(answers[2]).toMatchObject({
      faultCode: 1307,
      faultString: expect.stringContaining('Ask in pages'),
    });
    for (const { faultCode, faultString } of answers.slice(3, 998)) {
      expect(faultCode).toBe(1307);
      expect(faultString).toMatch(/^This call was not run: .*70000.*another\.$/);
    }
    expect(await call('get_reg_count')).toBe(0);
    expect((await answerTo(writeCall('system.multicall', [calls]))).length).toBeLessThan(70_000 + 600_000);
  });

  it('lets others be answered meanwhile', async () => {
    const { call } = await makeXmlRpcDoor({ clock: new PassingClock(4) });
    let isDone = false;
    const all = call(
      'system.multicall',
      Array.from({ length: 100 }, (_, n) => register(n)),
    ).finally(() => {
      isDone = true;
    });
    const counts: XmlRpcValue[] = [];
    for (let n = 0; n < 3; n++) {
      await new Promise((resolve) => setImmediate(resolve));
      counts.push(await call('get_reg_count'));
    }
    expect(isDone).toBe(false);
    expect(counts.every((count) => Number(count) > 0 && Number(count) < 100)).toBe(true);
    expect(await all).toHaveLength(100);
  });

  it('tells nothing of a failure within the registry, and logs it', async () => {
    const { logger, messages } = recordingLogger();
    const failing = operation('failing', 'read', () => {
      throw new Error('secret');
    });
    const { call } = await makeXmlRpcDoor({ operations: [failing], logger });
    expect(await call('system.multicall', [one('failing')])).toEqual([
      { faultCode: -32603, faultString: 'the registry failed on this call; its log says why' },
    ]);
    expect(messages('error')).toEqual(['The call of "failing" failed within the registry.']);
  });
});
