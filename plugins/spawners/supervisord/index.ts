import { definePlugin } from '../../../core/index.js';
import { supervisordOptions } from './options.js';
import { Programs } from './programs.js';
import { Rpc } from './rpc.js';
import { createSupervisordSpawner } from './supervisord-spawner.js';

/** Contributes the spawner `supervisord`. */
export default definePlugin({
  name: 'supervisord-spawner',
  options: supervisordOptions,
  setup(api, { servers }) {
    const all = new Map<string, Programs>();
    for (const [name, options] of Object.entries(servers)) {
      all.set(name, new Programs(new Rpc(name, options, api.clock), api.clock, api.logger));
    }
    // Programs run on: only who looks after them goes.
    api.onDispose(() => {
      for (const programs of all.values()) programs.close();
    });
    api.addSpawner(createSupervisordSpawner(all));
  },
});
