import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LIMITS, type PluginApi } from '../../core/index.js';
import { XmlRpcDoor } from '../../plugins/transports/xml-rpc/door.js';
import { signatures } from '../../plugins/transports/xml-rpc/method.js';
import { STRUCTS } from '../../plugins/transports/xml-rpc/methods/structs.js';
import { METHODS, type MethodSpec } from '../../plugins/transports/xml-rpc/methods/table.js';
import { renderPage } from '../support/xml-rpc-page.js';

const door = new XmlRpcDoor({ services: {}, operations: new Map() } as unknown as PluginApi);
const methods = door.names().map((name) => door.method(name));

test('docs/xml-rpc.md says of methods and structs what the table says', async () => {
  // `npx vitest run test/docs/xml-rpc.test.ts -u` writes it anew.
  const path = new URL('../../docs/xml-rpc.md', import.meta.url).pathname;
  await expect(renderPage(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path);
});

test('the door serves every method of the table, and no other without a plugin', () => {
  expect(door.names()).toEqual(Object.keys(METHODS).toSorted());
});

test('what help says of a method is what the table says', () => {
  for (const { name, help } of methods) expect({ name, help }).toEqual({ name, help: spec(name).help });
});

test('each method has a signature for every number of parameters it takes', () => {
  for (const method of methods) {
    const least = method.parameters.filter(({ isOptional }) => !isOptional).length;
    const lengths = new Set(signatures(method).map((signature) => signature.length - 1));
    expect([...lengths].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: method.parameters.length - least + 1 }, (_, index) => least + index),
    );
  }
});

test('every type that the table names is a word of XML-RPC or a struct that the docs describe, and every struct is used', () => {
  const words = [
    'string',
    'int',
    'double',
    'boolean',
    'false',
    'dateTime.iso8601',
    'array',
    'struct',
    'Address',
  ];
  const inMethods = methods.flatMap(({ name }) => [
    spec(name).returns,
    ...spec(name).parameters.map(({ type }) => type),
  ]);
  const inStructs = Object.values(STRUCTS).flatMap(({ members }) =>
    Object.values(members).map(({ type }) => type),
  );
  const named = new Set([...inMethods, ...inStructs].flatMap((type) => type.match(/[A-Za-z][\w.]*/g) ?? []));
  expect([...named].filter((name) => !words.includes(name) && !(name in STRUCTS))).toEqual([]);
  expect(Object.keys(STRUCTS).filter((name) => !named.has(name))).toEqual(['FaultStruct']);
});

test('docs/xml-rpc.md says the limits of a registration as they are', () => {
  const { instance, tag, tags, metaEntries, metaKey, metaValue, checks, checkBytes, checkDepth } = LIMITS;
  const limits = {
    instance: [instance],
    version: [tag],
    zone: [tag],
    tags: [tags, tag],
    meta: [metaEntries, metaValue, metaKey],
    checks: [checks, checkBytes, checkDepth],
  };
  for (const [member, numbers] of Object.entries(limits)) {
    const { says } = STRUCTS.RegisterDetails.members[member as keyof typeof limits];
    expect({ member, numbers: says.match(/\d+/g)?.map(Number) }).toEqual({ member, numbers });
  }
});

function spec(name: string): MethodSpec {
  return (METHODS as { readonly [name: string]: MethodSpec })[name] as MethodSpec;
}
