import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordChange } from '../../../core/hooks.js';
import {
  type HeldOpinion,
  mergeRecord,
  type Opinion,
  type Registration,
  STATUS_CODES,
  type Status,
  statusOfCode,
  VOICES,
  type Voice,
} from '../../../core/servicedb/record.js';
import { type Made, makeServiceDB } from '../../support/make-servicedb.js';

const ECHO = { name: 'echo', instance: 'a', host: '10.0.0.1', port: 9000 };
/** From good to bad, written down again from DESIGN §4. */
const ORDER: Status[] = ['running', 'degraded', 'starting', 'draining', 'error', 'stopped'];

function status(made: Made): string | undefined {
  return made.services.instance('echo', 'a')?.status;
}

/** Everything the hooks said, in order. */
function listen({ hooks }: Made): string[] {
  const heard: string[] = [];
  hooks.registered.tap('t', (r) => void heard.push(`registered ${r.name} ${r.status}`));
  hooks.statusChanged.tap('t', (r, p) => void heard.push(`statusChanged ${p.status}>${r.status}`));
  hooks.unregistered.tap('t', (r) => void heard.push(`unregistered ${r.name}`));
  hooks.changed.tap('t', (c, { revision }) => void heard.push(`changed ${c.length} @${revision}`));
  return heard;
}

describe('the effective status', () => {
  it('is the worst of the voices that have spoken, with the reason of the one that decided', () => {
    const opinion = fc.option(fc.constantFrom(...ORDER), { nil: undefined });
    const all = fc.tuple(fc.constantFrom(...ORDER), opinion, opinion, opinion, opinion);
    fc.assert(
      fc.property(all, ([reported, managed, exited, check, lease]) => {
        const said: Record<Voice, Status | undefined> = { managed, exited, check, lease };
        const voices: { [voice in Voice]?: HeldOpinion } = {};
        for (const voice of VOICES) {
          const spoken = said[voice];
          if (spoken !== undefined) voices[voice] = { status: spoken, reason: voice, revision: 1 };
        }
        const registration = { reported } as Registration;
        const record = mergeRecord(registration, 1, voices, 1);

        const rank = (one: Status | undefined) => (one === undefined ? -1 : ORDER.indexOf(one));
        const isStarting = Math.max(rank(reported), rank(managed), rank(exited)) === rank('starting');
        const heard: [string, Status | undefined][] = [
          ['reported by the instance', reported],
          ['managed', managed],
          ['exited', exited],
          ['check', isStarting ? undefined : check],
          ['lease', lease],
        ];
        const worst = Math.max(...heard.map(([, one]) => rank(one)));
        expect(record.status).toBe(ORDER[worst]);
        const deciders = heard.filter(([, one]) => rank(one) === worst).map(([name]) => name);
        if (record.status === 'running' && reported === 'running') expect(record.reason).toBe('');
        else expect(deciders).toContain(record.reason);
        expect(rank(record.observed)).toBe(Math.max(rank(check), rank(lease)));
        expect(rank(record.managed)).toBe(Math.max(rank(managed), rank(exited)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('has the integers of MicroReg on the wire, both ways', () => {
    expect(STATUS_CODES).toEqual({
      running: 1,
      stopped: 0,
      error: -1,
      starting: 2,
      draining: 3,
      degraded: 4,
    });
    for (const one of ORDER) expect(statusOfCode(STATUS_CODES[one])).toBe(one);
    for (const code of [5, -2, 1.5, Number.NaN]) expect(statusOfCode(code)).toBeUndefined();
  });

  it('of a starting instance is not worsened by failing checks, and is once it has started', async () => {
    const made = await makeServiceDB();
    const { services } = made;
    await services.register(ECHO, { managed: { status: 'starting', reason: 'spawned' } });
    services.observe('echo', 'a', { status: 'error', reason: 'refused' });
    expect(services.instance('echo', 'a')).toMatchObject({ status: 'starting', reason: 'spawned' });
    await services.manage('echo', 'a', undefined);
    expect(services.instance('echo', 'a')).toMatchObject({ status: 'error', reason: 'refused' });
    services.observe('echo', 'a', undefined);
    expect(services.instance('echo', 'a')).toMatchObject({ status: 'running', reason: '' });
  });

  it.each(['starting', 'draining'] as const)(
    "is not lifted from %s by the program's own register",
    async (managed) => {
      const made = await makeServiceDB();
      await made.services.register(ECHO, { managed: { status: managed, reason: 'supervisor' } });
      await made.services.register({ ...ECHO, status: 'running', version: '2' });
      expect(await made.services.updateStatus('echo', 'running')).toBe(1);
      expect(made.services.instance('echo', 'a')).toMatchObject({ status: managed, reason: 'supervisor' });
    },
  );

  it('is stopped at once when the instance has exited, until it registers again', async () => {
    const made = await makeServiceDB();
    const { services } = made;
    await services.register(ECHO);
    expect(services.exited('echo', 'a', 'SIGKILL')).toBe(true);
    expect(services.instance('echo', 'a')).toMatchObject({ status: 'stopped', reason: 'SIGKILL' });
    expect(services.lookup('echo')).toEqual({ records: [], stale: [] });
    await services.updateStatus('echo', 'running');
    expect(services.heartbeat('echo')).toBe(1);
    expect(status(made)).toBe('stopped');
    expect((await services.register(ECHO)).status).toBe('running');
  });

  it('of an instance that is not there cannot be spoken of', async () => {
    const { services, commits } = await makeServiceDB();
    expect(services.exited('echo', 'a', 'x')).toBe(false);
    expect(services.observe('echo', 'a', { status: 'error', reason: 'x' })).toBe(false);
    expect(await services.manage('echo', 'a', { status: 'draining', reason: 'x' })).toBe(false);
    expect(await services.updateStatus('echo', 'running')).toBe(0);
    expect(services.heartbeat('echo')).toBe(0);
    expect(commits).toEqual([]);
  });

  it('is set for all instances of a name, or for the one that is meant', async () => {
    const { services } = await makeServiceDB();
    for (const instance of ['a', 'b', 'c']) await services.register({ ...ECHO, instance });
    expect(await services.updateStatus('echo', 'degraded')).toBe(3);
    expect(await services.updateStatus('echo', 'stopped', { id: 2 })).toBe(1);
    expect(await services.updateStatus('echo', 'error', { instance: 'c' })).toBe(1);
    expect(services.find().map((one) => one.status)).toEqual(['degraded', 'stopped', 'error']);
  });
});

describe('a change', () => {
  it('is made only by another status, reason or voice', async () => {
    const made = await makeServiceDB();
    const { services } = made;
    await services.register(ECHO);
    const heard = listen(made);
    const opinion = (status: Status, reason: string): Opinion => ({ status, reason });
    services.observe('echo', 'a', undefined);
    services.observe('echo', 'a', opinion('error', 'refused'));
    services.observe('echo', 'a', opinion('error', 'refused'));
    services.observe('echo', 'a', opinion('error', 'timeout'));
    await services.manage('echo', 'a', opinion('draining', 'stop'));
    await services.manage('echo', 'a', opinion('draining', 'stop'));
    await services.updateStatus('echo', 'running');
    expect(heard).toEqual(['statusChanged running>error', 'changed 1 @2', 'changed 1 @3', 'changed 1 @4']);
    expect(services.instance('echo', 'a')).toMatchObject({ status: 'error', reason: 'timeout', revision: 4 });
  });

  it('tells the hooks instance by instance and then as a whole, with who did it', async () => {
    const made = await makeServiceDB();
    const { services, hooks } = made;
    const heard = listen(made);
    const by = { who: 'me', door: 'xml-rpc' };
    const contexts: unknown[] = [];
    hooks.changed.tap('c', (_, context) => void contexts.push(context));
    const first = await services.register(ECHO, { by });
    const pairs: RecordChange[] = [];
    hooks.changed.tap('d', (changes) => void pairs.push(...changes));
    await services.register({ ...ECHO, instance: 'b' }, { by });
    await services.updateStatus('echo', 'degraded', { by });
    await services.unregister('echo', { by });
    expect(heard).toEqual([
      'registered echo running',
      'changed 1 @1',
      'registered echo running',
      'changed 1 @2',
      'statusChanged running>degraded',
      'statusChanged running>degraded',
      'changed 2 @3',
      'unregistered echo',
      'unregistered echo',
      'changed 2 @4',
    ]);
    expect(contexts).toEqual([1, 2, 3, 4].map((revision) => ({ revision, by, local: true })));
    expect(pairs[1]?.previous).toBe(first);
    expect(pairs.at(-1)?.record).toBeUndefined();
  });

  it('that registers what the supervisor starts never shows it as running', async () => {
    const made = await makeServiceDB();
    const heard = listen(made);
    await made.services.register(ECHO, { managed: { status: 'starting', reason: 'spawned' } });
    expect(heard).toEqual(['registered echo starting', 'changed 1 @1']);
  });

  it('made by a tap is told when the first has been told to everyone, in the order of the feed', async () => {
    const made = await makeServiceDB();
    const { services, hooks } = made;
    let depth = 0;
    hooks.registered.tap('writer', ({ name }) => {
      depth += 1;
      expect(depth).toBe(1);
      if (name === 'echo') {
        void services.register({ ...ECHO, name: 'second' });
        void services.unregister('echo');
        expect(services.count()).toBe(1);
      }
      depth -= 1;
    });
    const heard = listen(made);
    await services.register(ECHO);
    expect(heard).toEqual([
      'registered echo running',
      'changed 1 @1',
      'registered second running',
      'changed 1 @2',
      'unregistered echo',
      'changed 1 @3',
    ]);
    expect(made.commits.map(({ revision }) => revision)).toEqual([1, 2, 3]);
  });

  it('is told to the others when one tap throws', async () => {
    const made = await makeServiceDB();
    made.hooks.registered.tap('bad', () => {
      throw new Error('broken plugin');
    });
    const heard = listen(made);
    await made.services.register(ECHO);
    expect(heard).toHaveLength(2);
  });
});

describe('an instance that its checks object to', () => {
  it('and that registers again is told of, whether or not that says anything new', async () => {
    const { services, hooks } = await makeServiceDB();
    const renewed: string[] = [];
    hooks.renewed.tap('t', ({ instance, status }) => void renewed.push(`${instance} ${status}`));
    await services.register(ECHO);
    await services.register(ECHO);
    expect(renewed).toEqual([]);
    services.observe('echo', 'a', { status: 'error', reason: 'refused' });
    await services.register(ECHO);
    await services.register({ ...ECHO, version: '2' });
    services.heartbeat('echo');
    expect(renewed).toEqual(['a error', 'a error']);
    services.observe('echo', 'a', undefined);
    await services.register(ECHO);
    expect(renewed).toHaveLength(2);
  });
});
