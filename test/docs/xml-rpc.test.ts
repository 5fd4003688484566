import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { PluginApi } from '../../core/index.js';
import { XmlRpcDoor } from '../../plugins/transports/xml-rpc/door.js';
import { signatures, usage } from '../../plugins/transports/xml-rpc/method.js';

const page = readFileSync(new URL('../../docs/xml-rpc.md', import.meta.url), 'utf8');
const door = new XmlRpcDoor({ services: {}, operations: new Map() } as unknown as PluginApi);
const methods = door.names().flatMap((name) => door.get(name) ?? []);

test('docs/xml-rpc.md has every method under its usage, and no other', () => {
  const headings = [...page.matchAll(/^### `(.+)`$/gm)].map(([, heading]) => heading);
  expect(headings.toSorted()).toEqual(methods.map(usage).toSorted());
});

test('docs/xml-rpc.md says of each method what system.methodHelp says', () => {
  for (const method of methods)
    expect(page).toContain(`${method.help} Answers ${method.returns.join(' or ')}.`);
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
