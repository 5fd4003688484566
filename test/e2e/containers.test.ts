import { afterEach, describe, expect, test } from 'vitest';
import { IMAGE, LISTEN, Podman, podmanHere, ULIMITS } from '../plugins/spawners/container/podman.js';
import { RollcallProcess, rollcall } from '../support/rollcall-process.js';

const disposals: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).reverse()) await dispose();
});

describe.skipIf(!podmanHere.isMet)(`a service in a container${podmanHere.note}`, () => {
  test('is started, replaced when it is killed, and adopted by the next registry', async () => {
    const podman = await Podman.start();
    disposals.push(() => podman.dispose());
    const web = { spawner: 'container', image: IMAGE, command: ['sh', '-c', LISTEN], ulimits: ULIMITS };
    const registry = await RollcallProcess.create(`export default {
      store: ['file', { path: './data' }],
      plugins: [
        ['xml-rpc', { port: 0 }],
        'tcp-checker',
        ['container-spawner', { socket: ${JSON.stringify(podman.socket)} }],
        ['supervisor', { onExit: 'leave', services: { web: ${JSON.stringify(web)} } }],
      ],
    };`);
    disposals.push(() => registry.dispose());

    /** The line of the instance that runs, once there is one other than the one given. */
    const running = async (than?: string) => {
      for (;;) {
        const { out } = await rollcall(['ps', '--url', registry.url]);
        const [, instance = '', pid, port] = /(web-\w+)\s+RUNNING\s+(\d+)\s+(\d+)/.exec(out) ?? [];
        if (instance !== '' && instance !== than) return { instance, pid: Number(pid), port: Number(port) };
      }
    };
    const names = async () =>
      (await podman.run('ps', '--all', '--format', '{{.Names}}')).split('\n').filter(Boolean);

    await registry.start();
    const first = await running();
    expect(await names()).toEqual([first.instance]);
    expect((await fetch(`http://127.0.0.1:${first.port}/`)).status).toBe(404);

    process.kill(first.pid, 'SIGKILL');
    const second = await running(first.instance);
    expect(registry.output).toContain(`${first.instance}: exited with code 137`);
    while ((await names()).length > 1) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await names()).toEqual([second.instance]);

    await registry.kill('SIGTERM');
    expect((await fetch(`http://127.0.0.1:${second.port}/`)).status).toBe(404);
    await registry.start();
    expect(await running()).toEqual(second);
    expect(registry.output).toContain(`Adopted ${second.instance}`);
    expect(await names()).toEqual([second.instance]);
  });
});
