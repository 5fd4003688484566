import { describe, expect, test } from 'vitest';
import { Ports } from '../../../plugins/supervisor/ports.js';
import { Stage } from './fake-spawner.js';

async function refusal(spec: object, options: object = {}): Promise<string> {
  const stage = new Stage();
  try {
    await stage.start({ echo: spec }, options);
  } catch (error) {
    return String(error);
  } finally {
    await stage.end();
  }
  return 'nothing';
}

describe('a spec that is wrong stops the boot, and says where', () => {
  test.each([
    [{ spawner: 'fakee' }, /"services\.echo\.spawner".*"fakee".*Did you mean "fake"\?/],
    [{ ready: { check: 'tpc' } }, /"services\.echo\.ready\.check".*"tpc".*Did you mean "tcp"\?/],
    [{ ready: { options: { path: '/' } } }, /unknown key "services\.echo\.ready\.options\.path"/],
    [{ ready: { chekc: 'tcp' } }, /services\.echo\.ready\.chekc.*"check"/],
    [{ progam: 'x' }, /unknown key "services\.echo\.progam"\. Did you mean "program"\?/],
    [{ instnaces: 2 }, /unknown key "services\.echo\.instnaces"\. Did you mean "instances"\?/],
    [{ program: 5 }, /"services\.echo\.program"/],
    [{ instances: 0 }, /services\.echo\.instances/],
    [{ instances: { min: 3, max: 2 } }, /`min` to be at most `max`/],
    [{ port: 9_000, instances: 2 }, /services\.echo\.port.*`ports`/],
    [{ port: 9_000, ports: '9000-9010' }, /either `port` or `ports`/],
    [{ ports: '9000-9001', instances: 3 }, /as many ports/],
    [{ ports: '9001-9000' }, /lower one first/],
    [{ stop: { signal: 'SIGFOO' } }, /services\.echo\.stop\.signal/],
    [{ drain: 'soon' }, /services\.echo\.drain/],
    [{ env: { 'A=B': 'c' } }, /services\.echo\.env/],
  ])('%j', async (spec, message) => {
    expect(await refusal(spec)).toMatch(message);
  });

  test('a service name that can be no file name', async () => {
    const stage = new Stage();
    await expect(stage.start({ '../up': {} })).rejects.toThrow(/services/);
    await stage.end();
  });
});

describe('ports', () => {
  /** A machine on which some ports are in use. */
  const machine = (...used: number[]) => {
    let next = 40_000;
    return new Ports(async (_, port) => {
      if (port === 0) return next++;
      return used.includes(port) ? undefined : port;
    });
  };
  const host = '127.0.0.1';

  test('of a range: the first that neither we nor others use, however many ask at once', async () => {
    const ports = machine(9_001);
    const range = { host, ports: [9_000, 9_003] as [number, number] };
    const taken = await Promise.all([ports.take(range), ports.take(range), ports.take(range)]);
    expect(taken.toSorted()).toEqual([9_000, 9_002, 9_003]);
    await expect(ports.take(range)).rejects.toThrow(/All ports from 9000 to 9003.*`ports`/);
    ports.release(9_002);
    expect(await ports.take(range)).toBe(9_002);
  });

  test('that are fixed are given out once, and not while another program has them', async () => {
    const ports = machine(9_001);
    expect(await ports.take({ host, port: 9_000 })).toBe(9_000);
    await expect(ports.take({ host, port: 9_000 })).rejects.toThrow(
      /another instance that this registry runs/,
    );
    await expect(ports.take({ host, port: 9_001 })).rejects.toThrow(/another program/);
  });

  test('that are free: never one that was given out', async () => {
    const ports = machine();
    ports.hold(40_000);
    const taken = await Promise.all([ports.take({ host }), ports.take({ host })]);
    expect(taken.toSorted()).toEqual([40_001, 40_002]);
  });

  test('are found on the machine itself', async () => {
    const { createServer } = await import('node:net');
    const ports = new Ports();
    const port = await ports.take({ host });
    ports.release(port);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    await expect(ports.take({ host, port })).rejects.toThrow(/in use by another program/);
    await new Promise((resolve) => server.close(resolve));
    expect(await ports.take({ host: '192.0.2.1', port })).toBe(port);
  });
});
