import { describe, expect, it } from 'vitest';
import { MicroDB } from '../../../core/microdb/index.js';
import { codeOf, DEFINITION, errorOf, type Instance, instance, makeInstances } from './instances.js';

describe('writing records', () => {
  it('finds what was inserted by key, by unique index and by index', () => {
    const { instances } = makeInstances();
    const stored = instances.insert(instance('payments', 1));
    instances.insert(instance('payments', 2));
    instances.insert(instance('orders', 3));

    expect(stored).toEqual(instance('payments', 1));
    expect(instances.get('payments', '10.0.0.1:9000')).toBe(stored);
    expect(instances.getBy('id', 1)).toBe(stored);
    expect([...instances.by('name', 'payments')].map(({ id }) => id)).toEqual([1, 2]);
    expect(instances.countBy('name', 'payments')).toBe(2);
    expect(instances.size).toBe(3);
  });

  it('answers nothing for what is not there', () => {
    const { instances } = makeInstances();
    expect(instances.get('payments', 'none')).toBeUndefined();
    expect(instances.getBy('id', 7)).toBeUndefined();
    expect([...instances.by('name', 'payments')]).toEqual([]);
    expect(instances.countBy('name', 'payments')).toBe(0);
    expect(instances.remove('payments', 'none')).toBeUndefined();
  });

  it('refuses to insert a key twice, and leaves the first as it was', () => {
    const { db, instances } = makeInstances();
    instances.insert(instance('payments', 1, { port: 80 }));
    expect(codeOf(() => instances.insert(instance('payments', 1, { id: 9 })))).toBe('DUPLICATE_KEY');
    expect(instances.get('payments', '10.0.0.1:9000')?.port).toBe(80);
    expect(db.revision).toBe(1);
  });

  it('refuses a value of a unique index that another record has, naming it', () => {
    const { instances } = makeInstances();
    instances.insert(instance('payments', 1));
    const error = errorOf(() => instances.put({ ...instance('orders', 2), id: 1 }));
    expect(error.code).toBe('DUPLICATE_KEY');
    expect(error.message).toContain('id 1');
    expect(instances.size).toBe(1);
    expect(instances.countBy('name', 'orders')).toBe(0);
  });

  it('gives a unique value free again when its record changes or goes', () => {
    const { instances } = makeInstances();
    instances.insert(instance('payments', 1));
    instances.put({ ...instance('payments', 1), id: 5 });
    instances.insert({ ...instance('orders', 2), id: 1 });
    instances.remove('orders', '10.0.0.2:9000');
    expect(instances.insert({ ...instance('users', 3), id: 1 }).id).toBe(1);
  });

  it('keeps a replaced record in its place, also within an index', () => {
    const { instances } = makeInstances();
    for (const at of [1, 2, 3]) instances.insert(instance('payments', at));
    instances.put(instance('payments', 1, { port: 81 }));
    instances.update(['payments', '10.0.0.2:9000'], { port: 82 });
    expect([...instances].map(({ port }) => port)).toEqual([81, 82, undefined]);
    expect([...instances.by('name', 'payments')].map(({ port }) => port)).toEqual([81, 82, undefined]);
  });

  it('moves a record to another value of an index', () => {
    const { instances } = makeInstances();
    instances.insert(instance('payments', 1, { port: 80 }));
    instances.update(['payments', '10.0.0.1:9000'], { port: 81 });
    expect(instances.countBy('port', 80)).toBe(0);
    expect(instances.countBy('port', 81)).toBe(1);
    expect([...instances.valuesOf('port')]).toEqual([81]);
  });

  it('replaces the members a patch names and removes those it gives as undefined', () => {
    const { instances } = makeInstances();
    instances.insert(instance('payments', 1, { port: 80, meta: { team: 'a', zone: 'b' } }));
    const updated = instances.update(['payments', '10.0.0.1:9000'], {
      meta: { team: 'c' },
      port: undefined,
    } as unknown as Partial<Instance>);
    expect(updated).toEqual(instance('payments', 1, { meta: { team: 'c' } }));
    expect(Object.keys(updated)).not.toContain('port');
  });

  it('refuses to update what is not there, or to change its key', () => {
    const { instances } = makeInstances();
    instances.insert(instance('payments', 1));
    expect(codeOf(() => instances.update(['payments', 'none'], { port: 1 }))).toBe('NOT_FOUND');
    expect(codeOf(() => instances.update(['payments', '10.0.0.1:9000'], { name: 'orders' }))).toBe(
      'INVALID_RECORD',
    );
    expect(codeOf(() => instances.update(['payments', '10.0.0.1:9000'], null as never))).toBe(
      'INVALID_RECORD',
    );
  });

  it('gives back what it removed', () => {
    const { instances } = makeInstances();
    const stored = instances.insert(instance('payments', 1));
    expect(instances.remove('payments', '10.0.0.1:9000')).toBe(stored);
    expect(instances.size).toBe(0);
    expect(instances.getBy('id', 1)).toBeUndefined();
  });

  it('holds, replaces and removes many records of one value, in order', () => {
    const { instances } = makeInstances();
    for (let at = 1; at <= 200; at++) instances.insert(instance('payments', at));
    for (let at = 1; at <= 200; at += 2) instances.remove('payments', `10.0.0.${at}:9000`);
    instances.put(instance('payments', 2, { port: 1 }));
    const ids = [...instances.by('name', 'payments')].map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: 100 }, (_, at) => 2 * at + 2));
    expect(instances.find({ name: 'payments' })[0]?.port).toBe(1);
    for (const id of ids) instances.remove('payments', `10.0.0.${id}:9000`);
    expect(instances.countBy('name', 'payments')).toBe(0);
  });

  it.each([3, 100])('lets all of %i records be removed while iterating over them', (count) => {
    const { instances } = makeInstances();
    for (let at = 1; at <= count; at++) instances.insert(instance('payments', at));
    for (const record of instances.by('name', 'payments')) instances.remove(record.name, record.instance);
    expect(instances.size).toBe(0);
  });

  it('tells keys apart that look alike when joined', () => {
    const db = new MicroDB();
    const pairs = db.collection<{ a: string | number; b: string | number }>('pairs', { key: ['a', 'b'] });
    const tricky = ['', 'a', '\u0000', 'a\u0000', '\u0000a', '1', 1, '\u0001n1', '\u0001s1:a', '\u0001'];
    for (const a of tricky) for (const b of tricky) pairs.insert({ a, b });
    expect(pairs.size).toBe(tricky.length ** 2);
    for (const a of tricky) for (const b of tricky) expect(pairs.get(a, b)).toEqual({ a, b });
  });
});

describe('what is stored', () => {
  it('can be changed neither through what was given nor through what is handed out', () => {
    const { instances } = makeInstances();
    const given = { ...instance('payments', 1), tags: ['blue'], meta: { team: 'a' } };
    const stored = instances.insert(given);
    given.tags.push('green');
    given.meta.team = 'b';
    expect(instances.getBy('id', 1)).toEqual({
      ...instance('payments', 1),
      tags: ['blue'],
      meta: { team: 'a' },
    });
    expect(() => Object.assign(stored, { id: 2 })).toThrow(TypeError);
    expect(() => (stored.tags as string[]).push('x')).toThrow(TypeError);
    expect(() => Object.assign(stored.meta as object, { x: 1 })).toThrow(TypeError);
  });

  it('is not reached through the arrays and views that reads give', () => {
    const { instances } = makeInstances();
    instances.insert(instance('payments', 1));
    instances.find({ name: 'payments' }).pop();
    const view = instances.by('name', 'payments') as unknown as Record<string, unknown>;
    expect(view.add ?? view.remove ?? view.replace).toBeUndefined();
    expect(instances.countBy('name', 'payments')).toBe(1);
  });

  it('is the given value itself where the caller vouches for it', () => {
    const { instances } = makeInstances();
    const frozen = Object.freeze(instance('payments', 1));
    expect(instances.put(frozen, { frozen: true })).toBe(frozen);
    expect(instances.getBy('id', 1)).toBe(frozen);
  });

  it('drops members that are undefined', () => {
    const { instances } = makeInstances();
    const stored = instances.insert({ ...instance('payments', 1), port: undefined } as unknown as Instance);
    expect(Object.keys(stored)).toEqual(['name', 'instance', 'id']);
  });

  it('is a plain object, however many members it has', () => {
    const db = new MicroDB();
    const wide = db.collection('wide', { key: ['id'] });
    const value = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`member${at}`, at]));
    const stored = wide.insert({ id: 1, ...value });
    expect(Object.getPrototypeOf(stored)).toBe(Object.prototype);
    expect(stored).toEqual({ id: 1, ...value });
  });

  it.each([
    ['a function', { f: () => 1 }, '.f'],
    ['a date', { d: { at: new Date(0) } }, '.d.at'],
    ['NaN', { list: [1, Number.NaN] }, '.list[1]'],
    ['infinity', { x: Number.POSITIVE_INFINITY }, '.x'],
    ['a bigint', { x: 1n }, '.x'],
    ['a symbol', { x: Symbol('x') }, '.x'],
    ['a hole in a list', { x: new Array(2) }, '.x[0]'],
    ['undefined in a list', { x: [undefined] }, '.x[0]'],
    ['a Map', { x: new Map() }, '.x'],
    ['a member called __proto__', JSON.parse('{"x":{"__proto__":{"polluted":1}}}'), '__proto__'],
    ['a scalar called __proto__', JSON.parse('{"x":{"__proto__":1}}'), '__proto__'],
  ])('may not hold %s', (_, members, named) => {
    const { db, instances } = makeInstances();
    const error = errorOf(() => instances.insert({ ...instance('payments', 1), ...members }));
    expect(error.code).toBe('INVALID_RECORD');
    expect(error.message).toContain(named);
    expect(db.revision).toBe(0);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it.each([
    ['null', null],
    ['a list', []],
    ['a string', 'x'],
    ['a class instance', new (class Instance {})()],
  ])('may not be %s', (_, value) => {
    const { instances } = makeInstances();
    expect(codeOf(() => instances.insert(value as unknown as Instance))).toBe('INVALID_RECORD');
  });

  it('nests at most 64 levels deep, and a cycle is refused', () => {
    const { instances } = makeInstances();
    const nest = (depth: number): unknown => (depth === 0 ? 'x' : { in: nest(depth - 1) });
    const deep = (depth: number) =>
      ({ ...instance('payments', 1), meta: nest(depth - 1) }) as unknown as Instance;
    expect(instances.put(deep(64)).id).toBe(1);
    expect(codeOf(() => instances.put(deep(65)))).toBe('INVALID_RECORD');
    const cycle: Record<string, unknown> = { ...instance('payments', 1) };
    cycle.self = [cycle];
    expect(codeOf(() => instances.put(cycle as unknown as Instance))).toBe('INVALID_RECORD');
  });

  it('holds at most 100,000 values, also when one object stands for very many', () => {
    const { instances } = makeInstances();
    const list = new Array(100_001).fill(0);
    expect(codeOf(() => instances.put({ ...instance('payments', 1), tags: list }))).toBe('INVALID_RECORD');
    let bomb: unknown = 'x';
    for (let level = 0; level < 40; level++) bomb = [bomb, bomb];
    expect(codeOf(() => instances.put({ ...instance('payments', 1), tags: bomb as [] }))).toBe(
      'INVALID_RECORD',
    );
  });

  it.each([[undefined], [null], [true], [Number.NaN], ['x'.repeat(1025)]])(
    'may not have %s as its key',
    (part) => {
      const { instances } = makeInstances();
      expect(codeOf(() => instances.insert({ ...instance('payments', 1), instance: part as string }))).toBe(
        'INVALID_RECORD',
      );
    },
  );
});

describe('defining and asking for collections', () => {
  it('gives the same collection again, with or without the same definition', () => {
    const { db, instances } = makeInstances();
    expect(db.collection('instances')).toBe(instances);
    expect(db.collection('instances', DEFINITION)).toBe(instances);
  });

  it('refuses another definition, and a name it does not know with the nearest one', () => {
    const { db } = makeInstances();
    expect(codeOf(() => db.collection('instances', { key: ['id'] }))).toBe('INVALID_DEFINITION');
    const error = errorOf(() => db.collection('instance'));
    expect(error.code).toBe('UNKNOWN_COLLECTION');
    expect(error.message).toContain('Did you mean "instances"');
  });

  it.each([
    ['no key', {}],
    ['an empty key', { key: [] }],
    ['a field twice', { key: ['a', 'a'] }],
    ['a path', { key: ['a.b'] }],
    ['an operator', { key: ['$in'] }],
    ['what every object has', { key: ['constructor'] }],
    ['an unknown member', { key: ['a'], index: {} }],
    ['an index without fields', { key: ['a'], indexes: { x: {} } }],
    ['an unknown member of an index', { key: ['a'], indexes: { x: { fields: ['a'], uniqe: true } } }],
    ['an index called primary', { key: ['a'], indexes: { primary: { fields: ['a'] } } }],
    ['unique that is no boolean', { key: ['a'], indexes: { x: { fields: ['a'], unique: 1 } } }],
    ['nothing at all', null],
  ])('refuses a definition with %s', (_, definition) => {
    expect(codeOf(() => new MicroDB().collection('things', definition as never))).toBe('INVALID_DEFINITION');
  });

  it('refuses a bad name and too many collections', () => {
    const db = new MicroDB();
    expect(codeOf(() => db.collection('', { key: ['a'] }))).toBe('INVALID_DEFINITION');
    expect(codeOf(() => db.collection('x'.repeat(129), { key: ['a'] }))).toBe('INVALID_DEFINITION');
    for (let at = 0; at < 1024; at++) db.collection(`c${at}`, { key: ['a'] });
    expect(codeOf(() => db.collection('one more', { key: ['a'] }))).toBe('LIMIT_REACHED');
  });

  it('refuses an index that is not there, not unique, or asked for with too few values', () => {
    const { instances } = makeInstances();
    expect(errorOf(() => instances.by('nam', 'x')).message).toContain('Did you mean "name"');
    expect(codeOf(() => instances.getBy('name', 'x'))).toBe('INVALID_QUERY');
    expect(codeOf(() => instances.by('name'))).toBe('INVALID_QUERY');
    expect(codeOf(() => instances.by('name', null as never))).toBe('INVALID_QUERY');
    expect(codeOf(() => instances.get('payments'))).toBe('INVALID_QUERY');
  });

  it('refuses a ring size that is no size', () => {
    expect(codeOf(() => new MicroDB({ ringSize: -1 }))).toBe('INVALID_DEFINITION');
    expect(codeOf(() => new MicroDB({ ringSize: 1.5 }))).toBe('INVALID_DEFINITION');
  });
});

describe('restoring a state from elsewhere', () => {
  it('loads and unloads without a commit, and goes on after the revision it is told', () => {
    const { db, instances } = makeInstances();
    const events: unknown[] = [];
    db.watch({}, (event) => events.push(event));
    instances.load(Object.freeze(instance('payments', 1)));
    instances.load(Object.freeze(instance('payments', 2)));
    instances.unload('payments', '10.0.0.2:9000');
    expect(events).toEqual([]);
    db.startAt(40);
    expect(events).toEqual([{ compacted: true, revision: 40 }]);
    expect(instances.find({}).map(({ id }) => id)).toEqual([1]);
    expect(db.revision).toBe(40);
    expect(db.changes({ since: 0 })).toEqual({ compacted: true, revision: 40 });
    instances.put(instance('payments', 3));
    expect(db.revision).toBe(41);
    expect(db.changes({ since: 40 })).toMatchObject({ changes: [{ revision: 41 }] });
    expect(codeOf(() => db.startAt(3))).toBe('INVALID_REVISION');
  });

  it('may not happen inside a batch', () => {
    const { db, instances } = makeInstances();
    expect(codeOf(() => db.batch(() => instances.load(Object.freeze(instance('a', 1)))))).toBe(
      'INVALID_BATCH',
    );
    expect(instances.size).toBe(0);
  });
});
