import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { afterEach, describe, expect, test } from 'vitest';
import { readMethodCall, readMethodResponse } from '../../../../plugins/transports/xml-rpc/reader.js';
import type { XmlRpcValue } from '../../../../plugins/transports/xml-rpc/values.js';
import { writeResponse } from '../../../../plugins/transports/xml-rpc/writer.js';
import { faultFrom } from './reader-support.js';

/** Why npm xmlrpc 1.3.2 never reads a request here: what these messages do to it, and what they do to our own reader. */

const require = createRequire(import.meta.url);
const serializer = require('xmlrpc/lib/serializer.js') as {
  serializeMethodResponse(value: XmlRpcValue): string;
};

/** Reads its input with npm xmlrpc; `read` is printed once it came to an end of whatever kind that it tells its caller of. */
const READ_BY_NPM = `
  const Deserializer = require('xmlrpc/lib/deserializer.js');
  const { Readable } = require('node:stream');
  let body = '';
  process.stdin.setEncoding('latin1').on('data', (text) => { body += text; }).on('end', () => {
    process.stdout.write('begun\\n', () =>
      new Deserializer().deserializeMethodCall(Readable.from([body]), () => process.stdout.write('read\\n')));
  });
`;

const children = new Set<ChildProcess>();

afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  children.clear();
});

function givenToNpm(body: string) {
  const child = spawn(process.execPath, ['-e', READ_BY_NPM], { stdio: ['pipe', 'pipe', 'ignore'] });
  children.add(child);
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stdin.end(body, 'latin1');
  return { child, out: () => out };
}

const callWith = (text: string) =>
  `<methodCall><methodName>m</methodName><params><param><value>${text}</value></param></params></methodCall>`;

describe('what ends the process of npm xmlrpc', () => {
  test.each([
    ['a fault in a call, in 33 bytes', '<methodCall><fault/></methodCall>', -32600],
    ['a character beyond Unicode', callWith('&#x110000;'), -32702],
  ])('%s, is a fault here', async (_, body, code) => {
    const { child, out } = givenToNpm(body);
    const [exitCode] = await once(child, 'exit');
    expect(exitCode).not.toBe(0);
    expect(out()).toBe('begun\n');
    expect(faultFrom(() => readMethodCall(Buffer.from(body))).faultCode).toBe(code);
  });

  test('but it reads what is right, so it is the messages that end it', async () => {
    const { child, out } = givenToNpm(callWith('a'));
    const [exitCode] = await once(child, 'exit');
    expect(exitCode).toBe(0);
    expect(out()).toBe('begun\nread\n');
  });
});

test('220 KB of stray tags keep npm xmlrpc busy for seconds, and are a fault here a hundred times before it is done', async () => {
  const body = '<a>'.repeat(31_000) + '</b>'.repeat(31_000);
  const { child, out } = givenToNpm(body);
  await once(child.stdout, 'data');
  for (let times = 0; times < 100; times++) {
    expect(faultFrom(() => readMethodCall(Buffer.from(body))).faultCode).toBe(-32600);
  }
  // What the child has printed meanwhile is read now.
  await new Promise((resolve) => setImmediate(resolve));
  expect(out()).toBe('begun\n');
});

test('a name that npm xmlrpc would write as more values than one stays one name here', () => {
  const name = ']]>]]></string></value><value><string>forged<![CDATA[';
  expect(readMethodResponse(writeResponse([name]))).toEqual([name]);
  // Only the first `]]>` is escaped: what one client registers is a record of its own in the lists of all others.
  expect(readMethodResponse(serializer.serializeMethodResponse([name]))).toEqual([']]>', 'forged']);
});
