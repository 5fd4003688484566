import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { definePlugin } from 'rollcall';
import { z } from 'zod';

export default definePlugin({
  name: 'worker-spawner',
  setup(api) {
    api.addSpawner({
      kind: 'worker', // a service's spec says `spawner: 'worker'`
      spec: z.strictObject({ module: z.string() }), // and this, checked with the configuration
      async spawn({ spec, port, env }) {
        const worker = new Worker(api.resolvePath(spec.module), { env: { ...env, PORT: String(port) } });
        worker.on('error', (error) => api.logger.warn({ err: error }, `${spec.module} failed`));
        const exited = new Promise((resolve) =>
          worker.once('exit', (code) => resolve({ code, signal: null })),
        );
        await once(worker, 'online');
        return { ref: {}, host: '127.0.0.1', port, exited, stop: () => worker.terminate() };
      },
      adopt: async () => undefined, // a thread ends with the registry: there is nothing to adopt
    });
  },
});
