/** How a program in some language is run. */
export interface Language {
  /** What the docs write behind ``` before such a program. */
  readonly fence: string;
  /** How the name of its file ends. */
  readonly file: string;
  /** Where it has to be compiled: the command that does, from the source to a program. */
  compile?(source: string, program: string): readonly string[];
  /** Interprets the source, where nothing is compiled. */
  run?(source: string): readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Debian's own, which has Debian's modules, and not the first on the path. */
export const PYTHON = '/usr/bin/python3';
export const AXMLRPC = '/usr/share/java/axmlrpc.jar';
/** Debian's packages of Go are no modules. */
export const GO_ENV = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' };

export const python: Language = { fence: 'python', file: '.py', run: (source) => [PYTHON, source] };
export const perl: Language = { fence: 'perl', file: '.pl', run: (source) => ['perl', source] };
export const ruby: Language = { fence: 'ruby', file: '.rb', run: (source) => ['ruby', source] };
export const php: Language = { fence: 'php', file: '.php', run: (source) => ['php', source] };
export const lua: Language = { fence: 'lua', file: '.lua', run: (source) => ['lua5.1', source] };
export const shell: Language = { fence: 'sh', file: '.sh', run: (source) => ['sh', source] };
export const node: Language = { fence: 'js', file: '.mjs', run: (source) => [process.execPath, source] };
export const tcl: Language = {
  fence: 'tcl',
  file: '.tcl',
  run: (source) => ['tclsh', '-encoding', 'utf-8', source],
};
export const emacs: Language = {
  fence: 'elisp',
  file: '.el',
  run: (source) => ['emacs', '--batch', '-l', source],
};
export const java: Language = {
  fence: 'java',
  file: '.java',
  run: (source) => ['java', '-XX:TieredStopAtLevel=1', '-cp', AXMLRPC, source],
};
export const go: Language = {
  fence: 'go',
  file: '.go',
  compile: (source, program) => ['go', 'build', '-o', program, source],
  env: GO_ENV,
};
export const c: Language = {
  fence: 'c',
  file: '.c',
  compile: (source, program) => [
    'gcc',
    '-Wall',
    '-o',
    program,
    source,
    '-lxmlrpc_client',
    '-lxmlrpc',
    '-lxmlrpc_util',
  ],
};
export const cpp: Language = {
  fence: 'cpp',
  file: '.cpp',
  compile: (source, program) => ['g++', '-Wall', '-o', program, source, '-lxmlrpcpp'],
};
