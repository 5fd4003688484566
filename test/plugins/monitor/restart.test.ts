import { afterEach, describe, expect, test } from 'vitest';
import { build, Disk, type House, stopHouses } from './support.js';

afterEach(stopHouses);

const SECOND = 1_000;

describe('a restart', () => {
  async function restart(more: { monitor?: object } = {}): Promise<House> {
    const disk = new Disk();
    const { registry, clock, network, register } = await build({ disk });
    network.answers.set(9001, 'error');
    for (let port = 9000; port < 9100; port++) await register(`service-${port}`, port);
    await clock.advanceAsync(60 * SECOND);
    await registry.stop();
    return build({ disk, ...more });
  }

  test('serves what was last known, and nothing is dead because it was not yet checked', async () => {
    const { one, network } = await restart();
    expect(network.checked).toEqual([]);
    expect(one('service-9000').status).toBe('running');
    expect(one('service-9001')).toMatchObject({ status: 'error', reason: expect.stringContaining('9001') });
  });

  test('spreads the first checks, and then finds out what has changed', async () => {
    const { clock, network, one } = await restart();
    await clock.advanceAsync(SECOND);
    expect(network.checked.length).toBeGreaterThan(2);
    expect(network.checked.length).toBeLessThan(30);
    network.answers.set(9002, 'error');
    await clock.advanceAsync(9 * SECOND);
    expect(new Set(network.checked.map(({ port }) => port)).size).toBe(100);
    expect(one('service-9001').status).toBe('running');
    await clock.advanceAsync(20 * SECOND);
    expect(one('service-9002').status).toBe('error');
  });

  test('takes many thousands under watch bit by bit, each once, also those that change or go meanwhile', async () => {
    const disk = new Disk();
    const first = await build({ disk });
    for (let port = 1; port <= 3_000; port++) await first.register(`service-${port}`, port);
    await first.registry.stop();
    const { registry, clock, network, register } = await build({ disk });
    await register('service-2998', 2_998, { version: '2' });
    await register('service-2999', 4_999);
    await register('service-4000', 4_000);
    await registry.services.unregister('service-3000');
    await clock.advanceAsync(10 * SECOND);
    const ports = new Set(network.checked.map(({ port }) => port));
    expect([3_000, 4_000, 4_999].map((port) => ports.has(port))).toEqual([false, true, true]);
    expect(ports.size).toBe(3_001);
    network.checked.length = 0;
    await clock.advanceAsync(10 * SECOND);
    expect(network.checked).toHaveLength(3_001);
  });

  test('does not wait for a long interval to look', async () => {
    const { clock, network } = await restart({ monitor: { interval: '10m' } });
    await clock.advanceAsync(10 * SECOND);
    expect(new Set(network.checked.map(({ port }) => port)).size).toBe(100);
  });

  test('with no checks any more lifts what checks had said', async () => {
    const { one } = await restart({ monitor: { check: false } });
    expect(one('service-9001').status).toBe('running');
  });
});
