import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { nearest } from '../../core/nearest.js';
import { duration, parse, parseArgument } from '../../core/schema.js';

const issues = (schema: z.ZodType, value: unknown) => parse(schema, value).issues;

describe('duration', () => {
  it('reads numbers as milliseconds, and strings with a unit', () => {
    const given = {
      0: 0,
      250: 250,
      '250ms': 250,
      '10s': 10_000,
      '1.5m': 90_000,
      '2h': 7_200_000,
      '7d': 604_800_000,
    };
    for (const [text, ms] of Object.entries(given)) {
      const value = /^\d+$/.test(text) ? Number(text) : text;
      expect(parseArgument(duration(), value)).toBe(ms);
    }
  });

  it('says what it expected, and what it was given', () => {
    for (const bad of ['10', '10 s', '-1s', '1e3s', 'soon', '', '1.2.3s']) {
      expect(issues(duration(), bad)).toEqual([
        `the value: expected a duration, such as '10s' or a number of milliseconds, not ${JSON.stringify(bad)}`,
      ]);
    }
    for (const bad of [null, {}, true, [], Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(issues(duration(), bad)?.[0]).toContain('expected a duration, such as');
    }
  });

  it('keeps to its limits', () => {
    const limited = duration({ min: 1_000, max: 60_000 });
    expect(parseArgument(limited, '1m')).toBe(60_000);
    expect(issues(limited, '2m')).toEqual([
      'the value: expected a duration from 1000 ms to 60000 ms, not 120000 ms',
    ]);
    expect(issues(limited, 1)).toEqual(['the value: expected a duration from 1000 ms to 60000 ms, not 1 ms']);
    expect(issues(duration(), -1)?.[0]).toContain('not -1 ms');
  });

  it('gives a finite number or an error for any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const result = parse(duration(), text);
        expect(result.issues !== undefined || Number.isFinite(result.data)).toBe(true);
      }),
    );
  });
});

describe('what is wrong with a value', () => {
  const shape = {
    port: z.int().max(65_535),
    level: z.enum(['debug', 'info']),
    tls: z.strictObject({ cert: z.string() }),
  };
  const schema = z.strictObject(shape).partial();

  it('is said with the key, and the value where it is no secret', () => {
    expect(issues(schema, { port: 70_000 })).toEqual([
      '"port": Too big: expected number to be <=65535, not 70000',
    ]);
    expect(issues(schema, { level: 'loud' })).toEqual([
      '"level": Invalid option: expected one of "debug"|"info", not "loud"',
    ]);
    expect(issues(schema, { tls: { cert: 5 } })).toEqual([
      '"tls.cert": Invalid input: expected string, received number',
    ]);
    expect(issues(schema, 5)).toEqual(['the value: Invalid input: expected object, received number']);
    const secret = z.object({ token: z.string().min(32) });
    expect(issues(secret, { token: 'hunter2' })?.[0]).not.toContain('hunter2');
  });

  it('names the nearest key, at any depth, or all there are', () => {
    expect(issues(schema, { prot: 1 })).toEqual(['unknown key "prot". Did you mean "port"?']);
    expect(issues(schema, { tls: { cert: 'x', cret: 'y' } })).toEqual([
      'unknown key "tls.cret". Did you mean "cert"?',
    ]);
    expect(issues(schema, { colour: 1 })).toEqual(['unknown key "colour". Known keys: port, level, tls.']);
    expect(issues(schema, { a: 1, prot: 'x', port: 'x' })).toHaveLength(3);
  });

  it('looks through defaults, records, lists and unions', () => {
    const inner = z.strictObject({ command: z.string().optional() });
    const nested = z.strictObject({
      list: z.array(inner).default([]),
      services: z.record(z.string(), inner).prefault({}),
      instances: z.union([z.int(), z.strictObject({ min: z.int(), max: z.int() })]).optional(),
    });
    expect(issues(nested, { list: [{}, { comand: '' }] })).toEqual([
      'unknown key "list.1.comand". Did you mean "command"?',
    ]);
    expect(issues(nested, { services: { echo: { comand: '' } } })).toEqual([
      'unknown key "services.echo.comand". Did you mean "command"?',
    ]);
    expect(issues(nested, { instances: { min: 1, mx: 2 } })).toEqual([
      '"instances.max": Invalid input: expected number, received undefined',
      'unknown key "instances.mx". Did you mean "max"?',
    ]);
  });
});

describe('a member called __proto__', () => {
  it.each([
    ['an object', z.object({ a: z.int().optional() })],
    ['an object that takes no others', z.strictObject({ a: z.int().optional() })],
    ['a record', z.record(z.string(), z.unknown())],
  ])('of %s is refused, never dropped in silence', (_, schema) => {
    const value = JSON.parse('{"__proto__":{"a":1}}');
    expect(issues(schema, value)?.[0]).toMatch(/^unknown key "__proto__"/);
    expect(issues(z.strictObject({ in: schema }), { in: value })).toEqual([
      expect.stringMatching(/^unknown key "in.__proto__"/),
    ]);
  });
});

describe('an object that names its keys', () => {
  it('takes no others, also where zod would drop them', () => {
    const inner = z.object({ cert: z.string().optional() });
    const schema = z.object({
      port: z.int().optional(),
      tls: inner.optional(),
      list: z.array(inner).readonly().optional(),
      map: z.record(z.string(), inner).nullable().default(null),
      either: z.union([z.string(), inner]).optional(),
    });
    expect(issues(schema, { prot: 1 })).toEqual(['unknown key "prot". Did you mean "port"?']);
    expect(issues(schema, { tls: { cret: 1 } })).toEqual(['unknown key "tls.cret". Did you mean "cert"?']);
    expect(issues(schema, { list: [{ cret: 1 }] })).toEqual([
      'unknown key "list.0.cret". Did you mean "cert"?',
    ]);
    expect(issues(schema, { map: { a: { cret: 1 } } })).toEqual([
      'unknown key "map.a.cret". Did you mean "cert"?',
    ]);
    expect(issues(schema, { either: { cret: 1 } })).toEqual([
      'unknown key "either.cret". Did you mean "cert"?',
    ]);
    expect(issues(schema, { constructor: 1 })?.[0]).toContain('unknown key "constructor"');
  });

  it('takes others where it says so', () => {
    const loose = z.object({
      spec: z.looseObject({ kind: z.string() }),
      env: z.record(z.string(), z.string()),
    });
    const value = { spec: { kind: 'tcp', more: { a: 1 } }, env: { PATH: '/bin' } };
    expect(parseArgument(loose, value)).toEqual(value);
    expect(parseArgument(z.object({}).catchall(z.int()), { any: 1 })).toEqual({ any: 1 });
    expect(parseArgument(z.unknown(), { any: { thing: 1 } })).toEqual({ any: { thing: 1 } });
  });
});

describe('parseArgument', () => {
  it('throws INVALID_ARGUMENT with all that is wrong', () => {
    const parseBad = () => parseArgument(z.object({ a: z.string(), b: z.int() }), { a: 1, b: 'x', c: 1 });
    expect(parseBad).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(parseBad).toThrow(/unknown key "c".*; "a": .*; "b": /);
  });
});

describe('nearest', () => {
  it('finds what was meant, swaps and case included, and nothing where all are far', () => {
    const known = ['xml-rpc', 'monitor', 'tcp-checker', 'supervisor'];
    expect(nearest('xmlrpc', known)).toBe('xml-rpc');
    expect(nearest('Montior', known)).toBe('monitor');
    expect(nearest('tcp-cheker', known)).toBe('tcp-checker');
    expect(nearest('redis', known)).toBeUndefined();
    expect(nearest('', known)).toBeUndefined();
    expect(nearest('x', [])).toBeUndefined();
  });

  it('finds any name with one letter wrong', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{4,20}$/), fc.nat(), (name, at) => {
        const place = at % name.length;
        expect(nearest(`${name.slice(0, place)}_${name.slice(place + 1)}`, [name])).toBe(name);
      }),
    );
  });
});
