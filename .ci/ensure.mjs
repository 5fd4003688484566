// Makes a checkout ready: installs what the lockfile asks for and builds what changed. Fast when nothing did, so that
// `npm start` and `npm test` can always call it first. `ensure.mjs build` only builds (npm itself is installing then).
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const at = (...parts) => join(root, ...parts);

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Rollcall needs Node.js 20.19 or newer; this is ${process.version}.`);
  process.exit(1);
}

function run(what, command, args) {
  const started = Date.now();
  process.stderr.write(`${what} ...`);
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status === 0) {
    process.stderr.write(` ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
    return;
  }
  process.stderr.write(' failed\n');
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}${error ? `${error.message}\n` : ''}`);
  process.exit(1);
}

const lockfile = at('package-lock.json');
const installed = at('node_modules', '.rollcall-installed');
const lock = readFileSync(lockfile, 'utf8');
if (process.argv[2] !== 'build') {
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== lock) {
    run('Installing dependencies', 'npm', [
      'ci',
      '--include=dev',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ]);
    writeFileSync(installed, lock);
  }
}

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const built = at('dist', '.built');
const sources = [
  'core',
  'plugins',
  'test/contracts',
  'test/bench',
  'test/fuzz',
  'test/simulation',
  'tsconfig.json',
  'tsconfig.build.json',
  'package-lock.json',
];
if (!existsSync(built) || sources.some((source) => newest(at(source)) > statSync(built).mtimeMs)) {
  if (!existsSync(at('node_modules', 'typescript'))) {
    // Installed as somebody's dependency, without the compiler: the package ships its build.
    process.exit(0);
  }
  // Anew, so that nothing is left of files that were renamed.
  rmSync(at('dist'), { recursive: true, force: true });
  run('Building', process.execPath, [
    at('node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    'tsconfig.build.json',
  ]);
  linkCommand();
  writeFileSync(built, '');
  // After `npm install` by hand this runs as its last step: nothing is left to install.
  writeFileSync(installed, lock);
}

/** Lets `npx rollcall` find this checkout's own command at once, as it would in a project that has it installed. */
function linkCommand() {
  const target = at('dist', 'core', 'cli', 'index.js');
  chmodSync(target, 0o755);
  if (process.platform === 'win32') return;
  const link = at('node_modules', '.bin', 'rollcall');
  rmSync(link, { force: true });
  symlinkSync(target, link);
}
