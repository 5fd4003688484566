import {
  AXMLRPC,
  c,
  cpp,
  emacs,
  GO_ENV,
  go,
  java,
  type Language,
  lua,
  node,
  PYTHON,
  perl,
  php,
  python,
  ruby,
  shell,
  tcl,
} from './language.js';
import type { Shown } from './story.js';

/** A stock client of XML-RPC that is driven here. */
export interface Client extends Shown {
  /** As docs/clients.md heads it. */
  readonly name: string;
  readonly language: Language;
  /** Its program in stories/. */
  readonly story: string;
  /** Its story is given host and port instead of a URL. */
  readonly takesHostAndPort?: boolean;
  /** Debian's packages that bring it. */
  readonly packages: string;
  /** A command that succeeds where it is on this machine. */
  readonly probe: Probe;
  /** It sends no structs, so the second registration has no details. */
  readonly hasNoStructs?: boolean;
}

/** Up to U+FFFF. */
const BASIC = 'Grüße 日本語 <&> ]]>';
const NO_METHOD = 'there is no method "no_such_method"; system.listMethods lists them';

type Probe = readonly [command: string, ...args: string[]];
const pythonModule = (name: string): Probe => [PYTHON, '-c', `import ${name}`];
const perlModule = (name: string): Probe => ['perl', `-M${name}`, '-e', '1'];
const goEnvironment = Object.entries(GO_ENV).map((pair) => pair.join('='));
const goPackage = (name: string): Probe => ['env', ...goEnvironment, 'go', 'list', name];
const header = (compiler: string, language: string, name: string): Probe => {
  return [compiler, '-E', '-x', language, '-include', name, '/dev/null', '-o', '/dev/null'];
};

export const CLIENTS: readonly Client[] = [
  {
    name: "Python's xmlrpc.client",
    language: python,
    story: 'xmlrpc-client.py',
    packages: 'python3',
    probe: pythonModule('xmlrpc.client'),
  },
  {
    name: 'Python: aioxmlrpc',
    language: python,
    story: 'aioxmlrpc-client.py',
    packages: 'python3-aioxmlrpc python3-httpx',
    probe: pythonModule('aioxmlrpc.client'),
  },
  {
    name: 'Python: Twisted',
    language: python,
    story: 'twisted-client.py',
    packages: 'python3-twisted',
    probe: pythonModule('twisted.web.xmlrpc'),
  },
  {
    name: 'Perl: RPC::XML',
    language: perl,
    story: 'rpc-xml.pl',
    packages: 'librpc-xml-perl',
    probe: perlModule('RPC::XML::Client'),
  },
  {
    name: 'Perl: XMLRPC::Lite',
    language: perl,
    story: 'xmlrpc-lite.pl',
    packages: 'libxmlrpc-lite-perl',
    probe: perlModule('XMLRPC::Lite'),
    isUntyped: true,
  },
  {
    name: 'Perl: Frontier::Client',
    language: perl,
    story: 'frontier.pl',
    packages: 'libfrontier-rpc-perl',
    probe: perlModule('Frontier::Client'),
    isUntyped: true,
    greeting: BASIC,
  },
  {
    name: "Ruby's xmlrpc",
    language: ruby,
    story: 'story.rb',
    packages: 'ruby ruby-xmlrpc',
    probe: ['ruby', '-rxmlrpc/client', '-e', ''],
  },
  {
    name: "PHP's xmlrpc extension",
    language: php,
    story: 'story.php',
    packages: 'php-cli php-xmlrpc',
    probe: ['php', '-r', 'exit(extension_loaded("xmlrpc") ? 0 : 1);'],
  },
  {
    name: 'Java: aXMLRPC',
    language: java,
    story: 'Story.java',
    packages: 'default-jdk-headless libaxmlrpc-java',
    probe: ['javap', '-cp', AXMLRPC, 'de.timroes.axmlrpc.XMLRPCClient'],
  },
  {
    name: 'Go: kolo/xmlrpc',
    language: go,
    story: 'kolo.go',
    packages: 'golang-go golang-github-kolo-xmlrpc-dev',
    probe: goPackage('github.com/kolo/xmlrpc'),
    fault: `Fault(-32601): ${NO_METHOD}`,
  },
  {
    name: 'Go: mattn/go-xmlrpc',
    language: go,
    story: 'mattn.go',
    packages: 'golang-go golang-github-mattn-go-xmlrpc-dev',
    probe: goPackage('github.com/mattn/go-xmlrpc'),
    fault: 'invalid response: missing params',
    lacks: ['greeting', 'tags', 'multicall'],
  },
  {
    name: 'C: xmlrpc-c',
    language: c,
    story: 'xmlrpc-c.c',
    packages: 'gcc libxmlrpc-core-c3-dev',
    probe: header('gcc', 'c', 'xmlrpc-c/client.h'),
    greeting: BASIC,
  },
  {
    name: "Shell: xmlrpc-c's xmlrpc",
    language: shell,
    story: 'xmlrpc-cli.sh',
    packages: 'libxmlrpc-core-c3-dev',
    probe: ['which', 'xmlrpc'],
    hasNoStructs: true,
    lacks: ['greeting', 'tags', 'multicall'],
  },
  {
    name: 'C: libsoup',
    language: python,
    story: 'libsoup-client.py',
    packages: 'python3-gi gir1.2-soup-2.4',
    probe: [PYTHON, '-c', 'import gi; gi.require_version("Soup", "2.4"); from gi.repository import Soup'],
  },
  {
    name: 'C++: XmlRpc++ of ROS',
    language: cpp,
    story: 'xmlrpcpp.cpp',
    takesHostAndPort: true,
    packages: 'g++ libxmlrpcpp-dev',
    probe: header('g++', 'c++', 'xmlrpcpp/XmlRpc.h'),
  },
  {
    name: 'Lua: LuaXMLRPC',
    language: lua,
    story: 'story.lua',
    packages: 'lua5.1 lua-xmlrpc',
    probe: ['lua5.1', '-lxmlrpc', '-e', 'require "xmlrpc.http"'],
  },
  {
    name: 'Tcl: xmlrpc',
    language: tcl,
    story: 'story.tcl',
    packages: 'tcl tcl-xmlrpc',
    probe: ['sh', '-c', 'echo "puts [package require xmlrpc]" | tclsh | grep -q 0.3'],
    isUntyped: true,
    greeting: BASIC,
  },
  {
    name: 'Emacs: xml-rpc.el',
    language: emacs,
    story: 'story.el',
    packages: 'emacs-nox elpa-xml-rpc',
    probe: ['emacs', '--batch', '--eval', "(require 'xml-rpc)"],
  },
  {
    name: 'Node: xmlrpc',
    language: node,
    story: 'npm-xmlrpc.mjs',
    packages: 'nodejs',
    probe: [process.execPath, '--version'],
  },
  {
    name: 'Node: @foxglove/xmlrpc',
    language: node,
    story: 'foxglove.mjs',
    packages: 'nodejs',
    probe: [process.execPath, '--version'],
    greeting: 'Grüße 日本語 🜁 <&>',
  },
];

/** Other ways to use Python's client, each with the story's further arguments. */
export const PYTHON_VARIANTS: Readonly<Record<string, readonly string[]>> = {
  'requests packed with gzip': ['gzip'],
  'requests in ISO-8859-1': ['latin1'],
  'built-in types and None': ['builtin'],
};
