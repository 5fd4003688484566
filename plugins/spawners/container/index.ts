import { z } from 'zod';
import { definePlugin } from '../../../core/index.js';
import { createContainerSpawner } from './container-spawner.js';

/** Contributes the spawner `container`. */
export default definePlugin({
  name: 'container-spawner',
  options: z.strictObject({
    /** The engine's socket: Docker's, or podman's, such as /run/podman/podman.sock. */
    socket: z
      .string()
      .min(1)
      .max(107, { error: 'expected a path of at most 107 characters, as sockets have' })
      .default('/var/run/docker.sock'),
  }),
  setup(api, { socket }) {
    const spawner = createContainerSpawner({
      clock: api.clock,
      logger: api.logger,
      socket: api.resolvePath(socket),
    });
    api.onDispose(() => spawner.close());
    api.addSpawner(spawner);
  },
});
