import { open } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { definePlugin, messageOf, type PluginApi, RegistryError } from '../../../core/index.js';
import { HostPrograms } from './host-programs.js';
import { loadSsh2, type Ssh2 } from './load-ssh2.js';
import { sshOptions } from './options.js';
import { RemoteHost } from './remote-host.js';
import { createSshSpawner } from './ssh-spawner.js';

const LARGEST_KEY = 64 * 1_024;

/** Contributes the spawner `ssh`. */
export default definePlugin({
  name: 'ssh-spawner',
  options: sshOptions,
  async setup(api, { hosts }) {
    const ssh2 = await loadSsh2();
    const all = new Map<string, HostPrograms>();
    for (const [name, options] of Object.entries(hosts)) {
      const { host, port, hostKey, folder, registryUrl, address = host } = options;
      const user = options.user ?? userInfo().username;
      const privateKey = await readKey(api, ssh2, name, options.privateKey);
      const remote = new RemoteHost(ssh2, api.clock, { name, host, port, user, privateKey, hostKey });
      all.set(name, new HostPrograms(remote, { address, folder, registryUrl }, api.clock, api.logger));
    }
    // Programs run on: only who looks after them goes.
    api.onDispose(() => {
      for (const programs of all.values()) programs.close();
    });
    api.addSpawner(createSshSpawner(all));
  },
});

async function readKey(api: PluginApi, ssh2: Ssh2, name: string, given: string): Promise<Buffer> {
  const path = api.resolvePath(given);
  const refused = (why: string, cause?: unknown) =>
    new RegistryError(
      'PLUGIN_OPTIONS',
      `Plugin "ssh-spawner", option "hosts.${name}.privateKey": ${path}: ${why}.`,
      {
        cause,
      },
    );
  let key: Buffer;
  try {
    const file = await open(path);
    try {
      const { mode, size } = await file.stat();
      if (size > LARGEST_KEY) throw new Error(`it has more than ${LARGEST_KEY} bytes`);
      if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
        api.logger.warn({ path }, `${path} is a private key that others may read: chmod 600 ${path}`);
      }
      key = await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw refused(messageOf(error), error);
  }
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error) {
    const isLocked = /passphrase/i.test(parsed.message);
    const advice = 'Use a key of its own for the registry, without one: ssh-keygen -t ed25519 -N "" -f FILE';
    throw refused(
      isLocked ? `it has a passphrase. ${advice}` : `it is no private key: ${parsed.message}`,
      parsed,
    );
  }
  const [first] = Array.isArray(parsed) ? parsed : [parsed];
  if (first?.isPrivateKey() !== true) throw refused('it is a public key: name the file without .pub');
  return key;
}
