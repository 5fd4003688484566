import { posix } from 'node:path';

/** What may stand at the top of the repository (DESIGN §2): the house, and the files every repository has. */
export const TOP_LEVEL: ReadonlySet<string> = new Set([
  ...['core', 'plugins', 'test', 'docs', '.ci', 'registry.config.js'],
  ...['package.json', 'package-lock.json', '.npmrc', '.gitignore', '.gitattributes', '.editorconfig'],
  ...['tsconfig.json', 'tsconfig.build.json', 'biome.json', 'vitest.config.ts'],
  ...['README.md', 'LICENSE', 'CHANGELOG.md', 'CONTRIBUTING.md'],
]);

export const MOST_LINES = 400;

/** Packages that have one home. */
const HOMES: { readonly [name: string]: readonly string[] } = {
  tapable: ['core/guarded-hook.ts'],
  cosmiconfig: ['core/config.ts'],
  pino: ['core/logger.ts'],
  re2js: ['core/microdb/pattern.ts'],
  '@grpc/grpc-js': ['plugins/checkers/grpc/'],
  'pino-pretty': ['core/logger.ts'],
  ssh2: ['plugins/spawners/ssh/'],
  undici: ['plugins/checkers/http/request.ts'],
  // A devDependency: tests hold our codec against it (docs/adr/0005).
  xmlrpc: ['test/'],
};

/** What ServiceDB stands on, beside MicroDB; the last row are leaves, which import nothing but each other. */
const UNDER_SERVICEDB: ReadonlySet<string> = new Set([
  ...['store', 'hooks', 'catalogue'],
  ...[
    'errors',
    'clock',
    'due-heap',
    'json',
    'awaitable',
    'schema',
    'logger',
    'kept-by-revision',
    'this-machine',
    'log-budget',
  ],
]);

/**
 * What programs that are no registry load: the client of the XML-RPC door and the codec it shares with the door. They reach
 * past core/index.ts, which would load the whole registry into each such program, to leaves that load nothing.
 */
const IN_EVERY_PROGRAM = /^plugins\/transports\/xml-rpc\/(client\/|faults\.ts$)/;
const LIGHT_LEAVES: ReadonlySet<string> = new Set([
  ...['core/errors.ts', 'core/clock.ts', 'core/nearest.ts', 'core/servicedb/record.ts'],
]);

/** What a plugin that calls XML-RPC servers of others may import of the transport: what is said, and not over what (docs/adr/0006). */
const XML_RPC_CALLERS = /^plugins\/(checkers\/xml-rpc|spawners\/supervisord)\//;
const XML_RPC_CODEC: ReadonlySet<string> = new Set(
  ['reader', 'writer', 'values', 'faults'].map((name) => `plugins/transports/xml-rpc/${name}.ts`),
);

/** Folders of plugins/ that hold plugins, not files of one. */
const GROUPS: ReadonlySet<string> = new Set(['transports', 'checkers', 'spawners', 'stores']);

/** Every module that a source names: import, export from, import() and require of a literal. */
export function importsOf(source: string): string[] {
  const patterns = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\b(?:import|require)\(\s*['"`]([^'"`]+)['"`]/g,
  ];
  return patterns.flatMap((pattern) => [...source.matchAll(pattern)].map(([, name = '']) => name));
}

/** What one source file does that the house does not allow, a line each. Paths are the repository's, with `/`. */
export function offences(path: string, source: string): string[] {
  const found = importsOf(source).flatMap((name) => {
    const reason = name.startsWith('.')
      ? importOffence(path, posix.join(posix.dirname(path), name).replace(/\.js$/, '.ts'))
      : packageOffence(path, name);
    return reason === undefined ? [] : [`${path} imports ${name}: ${reason}`];
  });
  if (isTimed(path)) {
    for (const [what] of withoutComments(source).matchAll(TIME_AND_CHANCE)) {
      found.push(`${path} uses ${what}: time and chance are handed in, from core/clock.ts`);
    }
  }
  const lines = source.split('\n').length - 1;
  if (lines > MOST_LINES) found.push(`${path} has ${lines} lines: past ${MOST_LINES}, look for two jobs`);
  return found;
}

function importOffence(path: string, target: string): string | undefined {
  if (path.startsWith('core/')) {
    if (target.startsWith('plugins/')) {
      const mayAsk = path.startsWith('core/cli/') && target === 'plugins/index.ts';
      return mayAsk ? undefined : 'core never imports plugins, but for core/cli through plugins/index.ts';
    }
    if (path.startsWith('core/microdb/')) {
      return target.startsWith('core/microdb/') ? undefined : 'microdb imports nothing of ours';
    }
    if (path.startsWith('core/servicedb/')) {
      const isUnder =
        /^core\/(servicedb|microdb)\//.test(target) ||
        UNDER_SERVICEDB.has(target.slice('core/'.length, -'.ts'.length));
      return isUnder ? undefined : 'servicedb imports microdb, store, hooks, catalogue and the leaves';
    }
    return target.startsWith('core/') ? undefined : 'core imports core';
  }
  if (path === 'plugins/index.ts') {
    return target.startsWith('plugins/') ? undefined : 'it names the built-ins, and no more';
  }
  if (path.startsWith('plugins/')) {
    const isOwn = target.startsWith(`${pluginFolder(path)}/`);
    const isLight = IN_EVERY_PROGRAM.test(path) && LIGHT_LEAVES.has(target);
    const isCodec = XML_RPC_CALLERS.test(path) && XML_RPC_CODEC.has(target);
    return isOwn || isLight || isCodec || target === 'core/index.ts'
      ? undefined
      : 'a plugin imports core/index.ts and its own folder';
  }
  return undefined;
}

function packageOffence(path: string, name: string): string | undefined {
  if (!/^(core|plugins)\//.test(path)) return undefined;
  const isTimers = /^(node:)?timers(\/|$)/.test(name) && isTimed(path);
  if (isTimers) return 'time is handed in, from core/clock.ts';
  const homes = Object.hasOwn(HOMES, name) ? HOMES[name] : undefined;
  if (homes === undefined || homes.some((home) => path.startsWith(home))) return undefined;
  return `that has its home in ${homes.join(', ')}`;
}

function pluginFolder(path: string): string {
  const parts = path.split('/');
  return parts.slice(0, GROUPS.has(parts[1] ?? '') ? 3 : 2).join('/');
}

const TIME_AND_CHANCE =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bperformance\.now\b|\bAbortSignal\.timeout\b|(?:(?<![\w.])|globalThis\.)(?:setTimeout|setInterval)\b/g;

function isTimed(path: string): boolean {
  if (path === 'core/clock.ts' || path.startsWith('core/cli/')) return false;
  return /^(core|plugins\/monitor|plugins\/supervisor)\//.test(path);
}

/** Good enough for a search: block comments, and what follows `//` where that begins a word. */
function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}
