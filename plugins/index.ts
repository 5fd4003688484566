/**
 * The built-ins by the short names that a configuration may use. Each is imported only when it is named, so that what
 * nobody loads costs nothing.
 */
export const builtins = {
  'xml-rpc': () => import('./transports/xml-rpc/index.js'),
  monitor: () => import('./monitor/index.js'),
  'tcp-checker': () => import('./checkers/tcp/index.js'),
  'process-checker': () => import('./checkers/process/index.js'),
  'http-checker': () => import('./checkers/http/index.js'),
  'dns-checker': () => import('./checkers/dns/index.js'),
  'xml-rpc-checker': () => import('./checkers/xml-rpc/index.js'),
  'script-checker': () => import('./checkers/script/index.js'),
  'grpc-checker': () => import('./checkers/grpc/index.js'),
  supervisor: () => import('./supervisor/index.js'),
  'process-spawner': () => import('./spawners/process/index.js'),
  'container-spawner': () => import('./spawners/container/index.js'),
  'ssh-spawner': () => import('./spawners/ssh/index.js'),
  'supervisord-spawner': () => import('./spawners/supervisord/index.js'),
  file: () => import('./stores/file/index.js'),
};

/** What the command line calls a running registry with. */
export const loadClient = () => import('./transports/xml-rpc/client/caller.js');

/** What the command line looks at, copies and mends a data folder with. */
export const loadStoreTools = () => import('./stores/file/tools/index.js');
