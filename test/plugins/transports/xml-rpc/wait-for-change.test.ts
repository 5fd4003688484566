import { describe, expect, it, vi } from 'vitest';
import { RegistryError } from '../../../../core/index.js';
import { expectEmpty, makeHub, told, type Wait } from './waiting.js';

const ECHO = { name: 'echo', instance: 'a', host: '10.0.0.1', port: 9000 };

describe('a client that begins', () => {
  it('is told at once to read the instances, and from where to wait', async () => {
    const { wait, services } = await makeHub();
    for (const cursor of ['', 'nonsense', 'another-epoch:1', `${services.cursor}9`]) {
      expect(wait(cursor).answer).toEqual({ cursor: services.cursor, changes: [], reset: true });
    }
  });

  it('misses nothing that comes between its first call and its second', async () => {
    const { wait, services } = await makeHub();
    const begin = wait('', 300_000, 'echo').answer?.cursor ?? '';
    await services.register(ECHO);
    expect([...services.instances('echo')]).toHaveLength(1);
    await services.unregister('echo');
    // It may have read the instance, so it is told that it is gone.
    expect(told(wait(begin, 300_000, 'echo'))).toEqual(['unregistered echo/a']);
  });
});

describe('a client that waits', () => {
  it('is answered 20 ms after a change, with what came in that time, each instance once and as it is now', async () => {
    const { wait, services, pass } = await makeHub();
    const waiting = wait(services.cursor);
    await services.register(ECHO);
    await pass(10);
    await services.register({ ...ECHO, instance: 'b' });
    services.observe('echo', 'a', { status: 'degraded', reason: 'slow' });
    await pass(9);
    expect(waiting.answer).toBeUndefined();
    await pass(1);
    expect(told(waiting)).toEqual(['registered echo/b', 'registered echo/a']);
    expect(waiting.answer).toMatchObject({
      cursor: services.cursor,
      reset: false,
      changes: [{}, { instance: { id: 1, host: '10.0.0.1', port: 9000, status: 4, reason: 'slow' } }],
    });
  });

  it('is told of changes, removals, observed deaths and new instances of a known key, each for what it is', async () => {
    const { wait, services, pass } = await makeHub();
    for (const instance of ['a', 'b', 'c']) await services.register({ ...ECHO, instance });
    const waiting = wait(services.cursor);
    services.exited('echo', 'a', 'killed by SIGKILL');
    await services.unregister('echo', { instance: 'b' });
    await services.unregister('echo', { instance: 'c' });
    await services.register({ ...ECHO, instance: 'c', port: 9001 });
    await pass(20);
    expect(told(waiting)).toEqual([
      'changed echo/a',
      'unregistered echo/b',
      'unregistered echo/c',
      'registered echo/c',
    ]);
    expect(
      waiting.answer?.changes.map(({ instance }) => [instance.id, instance.port, instance.status]),
    ).toEqual([
      [1, 9000, 0],
      [2, 9000, 1],
      [3, 9000, 1],
      [4, 9001, 1],
    ]);
  });

  it('for one name hears of no other', async () => {
    const { wait, services, pass } = await makeHub();
    const echo = wait(services.cursor, 300_000, 'echo');
    const other = wait(services.cursor, 300_000, 'other');
    const all = wait(services.cursor);
    await services.register(ECHO);
    await pass(20);
    expect([told(echo), told(other), told(all)]).toEqual([
      ['registered echo/a'],
      undefined,
      ['registered echo/a'],
    ]);
  });

  it('for a name that is quiet is never told to begin anew, however much others change', async () => {
    const { wait, services, pass } = await makeHub();
    await services.register(ECHO);
    const { cursor } = services;
    const waiting = wait(cursor, 300_000, 'echo');
    for (let port = 1; port <= 10_001; port += 1) await services.register({ ...ECHO, name: 'busy', port });
    await pass(20);
    expect(waiting.answer).toBeUndefined();
    const late = wait(cursor, 300_000, 'echo');
    expect(wait(cursor).answer?.reset).toBe(true);
    await services.unregister('echo');
    await pass(20);
    expect([told(waiting), told(late)]).toEqual([['unregistered echo/a'], ['unregistered echo/a']]);
  });

  it('hears of nothing when its time is over, and goes on from there', async () => {
    const { wait, services, pass } = await makeHub();
    const echo = wait(services.cursor, 1_000, 'echo');
    await services.register({ ...ECHO, name: 'other' });
    await pass(999);
    expect(echo.answer).toBeUndefined();
    await pass(101);
    expectEmpty(echo, services.cursor);
  });

  it('gets what came in its last milliseconds', async () => {
    const { wait, services, pass } = await makeHub();
    const waiting = wait(services.cursor, 1_000);
    await pass(995);
    await services.register(ECHO);
    await pass(5);
    expect(waiting.answer).toBeUndefined();
    await pass(15);
    expect(told(waiting)).toEqual(['registered echo/a']);
  });

  it('with a timeout of 0 gets what there is', async () => {
    const { wait, services, hub } = await makeHub();
    const { cursor } = services;
    expectEmpty(wait(cursor, 0), cursor);
    await services.register(ECHO);
    expect(told(wait(cursor, 0))).toEqual(['registered echo/a']);
    expect(hub.waiting).toBe(0);
  });
});

describe('a client that asks again at once', () => {
  it('is answered at once with what it does not know, and then no more often than every 20 ms', async () => {
    const { wait, services, pass } = await makeHub();
    const { cursor } = services;
    await services.register(ECHO);
    const first = wait(cursor);
    expect(told(first)).toEqual(['registered echo/a']);
    await services.updateStatus('echo', 'degraded');
    const second = wait(first.answer?.cursor ?? '');
    await pass(19);
    await services.register({ ...ECHO, instance: 'b' });
    expect(second.answer).toBeUndefined();
    await pass(1);
    expect(told(second)).toEqual(['changed echo/a', 'registered echo/b']);
    const third = wait(second.answer?.cursor ?? '');
    await pass(5);
    await services.unregister('echo', { instance: 'b' });
    await pass(14);
    expect(third.answer).toBeUndefined();
    await pass(1);
    expect(told(third)).toEqual(['unregistered echo/b']);
  });
});

describe('a client that is far behind', () => {
  it('gets the rest with its next call, and no commit in two parts', async () => {
    const { wait, services } = await makeHub();
    const { cursor } = services;
    for (let at = 0; at < 997; at += 1) await services.register({ ...ECHO, instance: `i${at}` });
    for (const instance of ['x', 'y']) await services.register({ ...ECHO, name: 'pair', instance });
    await services.unregister('pair');
    const first = wait(cursor);
    // There would be room for one more, but not for the commit that removes two.
    expect(first.answer?.changes).toHaveLength(999);
    const second = wait(first.answer?.cursor ?? '', 0);
    expect(told(second)).toEqual(['unregistered pair/x', 'unregistered pair/y']);
    expectEmpty(wait(second.answer?.cursor ?? '', 0), services.cursor);
  });

  it.each([
    ['the instances are large', undefined, 2 * 1024 * 1024],
    ['the door has short answers', 512 * 1024, 512 * 1024],
  ])('gets less at once where %s', async (_, maxAnswer, most) => {
    const { wait, services } = await makeHub(maxAnswer === undefined ? {} : { maxAnswer });
    const { cursor } = services;
    const meta = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`${at}`, '&'.repeat(1_000)]));
    for (let at = 0; at < 10; at += 1) await services.register({ ...ECHO, instance: `i${at}`, meta });
    const seen = [];
    for (let next = cursor; next !== services.cursor; ) {
      const { answer, prepared } = wait(next, 0);
      expect(prepared?.xml.length).toBeLessThan(most + 1_000);
      expect(answer?.reset).toBe(false);
      seen.push(...(answer?.changes ?? []));
      next = answer?.cursor ?? '';
    }
    expect(seen.map(({ instance }) => instance.instance)).toEqual(
      Array.from({ length: 10 }, (_, at) => `i${at}`),
    );
  });

  it('gets a commit of many instances whole where it leaves no room for all that came after it', async () => {
    const { wait, services } = await makeHub({ maxAnswer: 512 * 1024 });
    for (let at = 0; at < 300; at += 1) await services.register({ ...ECHO, instance: `i${at}` });
    const { cursor } = services;
    await services.unregister('echo');
    for (let at = 0; at < 300; at += 1)
      await services.register({ ...ECHO, name: 'after', instance: `${at}` });
    const first = wait(cursor, 0);
    expect(first.answer?.reset).toBe(false);
    const unregistered = told(first)?.filter((change) => change.startsWith('unregistered'));
    expect(unregistered).toHaveLength(300);
    const others = (first.answer?.changes.length ?? 0) - 300;
    expect(told(wait(first.answer?.cursor ?? '', 0))?.[0]).toBe(`registered after/${others}`);
  });

  it('is told soon that a single commit is too long, which is not tried in ever smaller parts', async () => {
    const { wait, services } = await makeHub({ maxAnswer: 64 * 1024 });
    for (let at = 0; at < 900; at += 1) await services.register({ ...ECHO, instance: `i${at}` });
    const { cursor } = services;
    await services.unregister('echo');
    const tried = vi.spyOn(services, 'changesAfter');
    expect(wait(cursor, 0, 'echo').answer).toEqual({ cursor: services.cursor, changes: [], reset: true });
    expect(tried.mock.calls.length).toBeLessThan(3);
  });

  it('begins anew after a single commit that is too large to tell', async () => {
    const { wait, services } = await makeHub();
    for (let at = 0; at < 1_001; at += 1) await services.register({ ...ECHO, instance: `i${at}` });
    const { cursor } = services;
    await services.unregister('echo');
    expect(wait(cursor, 0, 'echo').answer).toEqual({ cursor: services.cursor, changes: [], reset: true });
  });
});

describe('many clients', () => {
  it('are given one and the same answer, wherever their cursors are, a hundred in a turn', async () => {
    const { wait, services, clock, settle, turns, drain, hub } = await makeHub();
    const waits: Wait[] = [];
    for (let at = 0; at < 600; at += 1) {
      // What came to other names is no matter.
      if (at % 100 === 0) await services.register({ ...ECHO, name: 'other', instance: `${at}` });
      waits.push(wait(services.cursor, 300_000, 'echo'));
    }
    await services.register(ECHO);
    clock.advance(20);
    const answered = () => waits.filter(({ answer }) => answer !== undefined).length;
    turns.shift()?.();
    await settle();
    expect(answered()).toBe(100);
    expect(turns).toHaveLength(1);
    // Comes too late for this answer, and is told with the next.
    await services.register({ ...ECHO, instance: 'late' });
    await drain();
    expect(answered()).toBe(600);
    expect(new Set(waits.map(({ prepared }) => prepared)).size).toBe(1);
    expect(told(waits[0] as Wait)).toEqual(['registered echo/a']);
    expect(told(wait(waits[0]?.answer?.cursor ?? '', 0))).toEqual(['registered echo/late']);
    expect(hub.waiting).toBe(0);
  });

  it('whose time is over together are given one and the same answer too', async () => {
    const { wait, services, pass } = await makeHub();
    const waits = Array.from({ length: 600 }, () => wait(services.cursor, 1_000));
    await pass(1_100);
    expect(new Set(waits.map(({ prepared }) => prepared)).size).toBe(1);
    expectEmpty(waits[0] as Wait, services.cursor);
  });

  it('of as many names are answered a hundred in a turn too', async () => {
    const { wait, services, clock, turns, settle, drain } = await makeHub();
    const waits = Array.from({ length: 600 }, (_, at) => wait(services.cursor, 300_000, `name ${at}`));
    for (let at = 0; at < 600; at += 1) await services.register({ ...ECHO, name: `name ${at}` });
    clock.advance(20);
    turns.shift()?.();
    await settle();
    const answered = waits.filter(({ answer }) => answer !== undefined).length;
    expect(answered).toBeGreaterThan(50);
    expect(answered).toBeLessThanOrEqual(100);
    await drain();
    expect(waits.map(told)).toEqual(waits.map((_, at) => [`registered name ${at}/a`]));
  });

  it('whose time is over, and who are answered after a change, get it with their next call', async () => {
    const { wait, services, clock, turns, drain } = await makeHub();
    const waits = Array.from({ length: 600 }, () => wait(services.cursor, 1_000));
    clock.advance(1_100);
    turns.shift()?.();
    await services.register(ECHO);
    await drain();
    expect(waits.map(told)).toEqual(waits.map(() => []));
    expect(new Set(waits.map(({ prepared }) => prepared)).size).toBe(1);
    for (const { answer } of waits) {
      const next = wait(answer?.cursor ?? '', 0);
      expect(told(next)).toEqual(['registered echo/a']);
    }
  });

  it('that come back with old cursors are answered together', async () => {
    const { wait, services, pass } = await makeHub();
    const cursors: string[] = [];
    for (let at = 0; at < 5; at += 1) {
      cursors.push(services.cursor);
      await services.register({ ...ECHO, instance: `${at}` });
    }
    const waits = Array.from({ length: 500 }, (_, at) => wait(cursors[at % 5] as string));
    expect(waits.map(({ answer }) => answer !== undefined).lastIndexOf(true)).toBe(0);
    await pass(20);
    for (const [at, one] of waits.entries()) expect(told(one)).toHaveLength(5 - (at % 5));
    expect(new Set(waits.slice(1).map(({ prepared }) => prepared)).size).toBe(5);
  });

  it('are refused beyond a limit, which those who left do not count for', async () => {
    const { wait, services, hub } = await makeHub({ limit: 2 });
    const first = wait(services.cursor);
    wait(services.cursor, 300_000, 'echo');
    expect(() => wait(services.cursor)).toThrow(/2 callers wait for changes already/);
    expect(wait(services.cursor, 0).answer).toBeDefined();
    first.leave();
    expect(wait(services.cursor).answer).toBeUndefined();
    expect(hub.waiting).toBe(2);
  });
});

describe('a client that leaves', () => {
  it('is forgotten at once, and its answer is none of the others’ matter', async () => {
    const { wait, services, hub, clock, pass } = await makeHub();
    const gone = wait(services.cursor, 300_000, 'echo');
    const stays = wait(services.cursor, 300_000, 'echo');
    const late = wait(services.cursor, 300_000, 'echo');
    gone.leave();
    expect(hub.waiting).toBe(2);
    await services.register(ECHO);
    late.leave();
    await pass(20);
    expect(told(stays)).toEqual(['registered echo/a']);
    await pass(300_000);
    expect(hub.waiting).toBe(0);
    // Nothing is kept of names that nobody waits for, and no timer runs.
    expect(clock.timers).toBe(0);
  });

  it('because the registry stops hears of that, so that it goes on to another registry', async () => {
    const { wait, services, settle } = await makeHub();
    const waiting = wait(services.cursor);
    waiting.leave(new RegistryError('STOPPING', 'The door closes'));
    await settle();
    expect(waiting.error).toMatchObject({ code: 'STOPPING' });
  });
});
