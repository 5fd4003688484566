import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { needs } from '../../../support/needs.js';
import { freePort, QUIET_HOST } from '../raw-peer.js';
import { check } from './dns-peer.js';

const dnsmasq = needs('dnsmasq', '--version');

/** dnsmasq in the foreground, which knows only what it is told here, until the test ends. */
async function startDnsmasq(...records: string[]) {
  const { host, port } = await freePort(QUIET_HOST);
  const alone = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--pid-file=',
    '--log-facility=-',
  ];
  const place = [`--listen-address=${host}`, '--bind-interfaces', `--port=${port}`];
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  const child = spawn('dnsmasq', [...alone, ...place, ...user, ...records], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const isUp = () => check({ host, port }, { query: 'up.internal' }).then(({ status }) => status);
  await expect.poll(isUp, { timeout: 10_000 }).toBe('running');
  return { host, port };
}

describe.skipIf(!dnsmasq.isMet)(`dnsmasq${dnsmasq.note}`, () => {
  test('is asked for records of every type, and what it says is understood', async () => {
    const target = await startDnsmasq(
      '--host-record=up.internal,10.0.0.1',
      '--host-record=shop.internal,10.0.0.7,fd00::7',
      '--host-record=shop.internal,10.0.0.8',
      '--cname=www.internal,shop.internal',
      '--txt-record=info.internal,all is well,hier fürs Büro',
      '--srv-host=_sip._udp.internal,shop.internal,5060,1,5',
      '--mx-host=internal,shop.internal,10',
      '--ptr-record=7.0.0.10.in-addr.arpa,shop.internal',
      '--local=/internal/',
    );
    for (const [options, status, output] of [
      [
        { query: 'Shop.Internal.', expect: '10.0.0.8' },
        'running',
        /^A Shop\.Internal\.: 10\.0\.0\.[78] and 1 more$/,
      ],
      [{ query: 'www.internal', expect: '10.0.0.7' }, 'running', /^A www\.internal: /],
      [
        { query: 'shop.internal', type: 'AAAA', expect: 'FD00:0:0::0007' },
        'running',
        'AAAA shop.internal: fd00::7',
      ],
      [
        { query: 'www.internal', type: 'CNAME', expect: 'shop.internal.' },
        'running',
        'CNAME www.internal: shop.internal',
      ],
      [
        { query: 'info.internal', type: 'TXT', expect: 'all is wellhier fürs Büro' },
        'running',
        'TXT info.internal: all is wellhier fürs Büro',
      ],
      [
        { query: '_sip._udp.internal', type: 'SRV', expect: '1 5 5060 shop.internal' },
        'running',
        'SRV _sip._udp.internal: 1 5 5060 shop.internal',
      ],
      [
        { query: 'internal', type: 'MX', expect: '10 SHOP.internal' },
        'running',
        'MX internal: 10 shop.internal',
      ],
      [
        { query: '7.0.0.10.in-addr.arpa', type: 'PTR', expect: 'shop.internal' },
        'running',
        /^PTR .*: shop\.internal$/,
      ],
      [{ query: 'none.internal' }, 'error', 'A none.internal: NXDOMAIN'],
      [{ query: 'up.internal', type: 'AAAA' }, 'error', 'AAAA up.internal: no such record'],
      [{ query: 'example.org' }, 'error', 'A example.org: REFUSED'],
    ] as const) {
      const verdict = await check(target, options);
      expect(verdict.output).toMatch(output);
      expect(verdict).toMatchObject({ status });
    }
  });
});
