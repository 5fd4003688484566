import { execFileSync, spawn } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { quoted } from '../../../../plugins/spawners/ssh/quote.js';
import {
  findScript,
  lookScript,
  signalScript,
  startScript,
  watchScript,
} from '../../../../plugins/spawners/ssh/scripts.js';
import { needs } from '../../../support/needs.js';
import { tempFolder } from '../../../support/temp-folder.js';

/** Each as /bin/sh of another host may be. Debian's own is dash. */
const shells = [
  ['/bin/sh', needs('sh', '-c', 'true')],
  ['bash', needs('bash', '-c', 'true')],
  ['busybox', needs('busybox', 'true')],
] as const;

/** A name by which that program behaves as `sh`. */
async function asSh(program: string, folder: string): Promise<string> {
  const path = execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim();
  const link = join(folder, 'sh');
  await symlink(path, link);
  return link;
}

/** Runs a script as sshd does: by its stdin, in a session of its own. Answers the words after the nonce. */
async function run(sh: string, script: string): Promise<string[]> {
  const child = spawn(sh, ['-s'], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(script.replaceAll('/bin/sh', sh));
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  const line = text.split('\n').find((each) => each.startsWith('nonce '));
  return (line ?? '').split(' ').slice(1);
}

for (const [program, need] of shells) {
  describe.skipIf(!need.isMet)(`the scripts for other hosts, by ${program}${need.note}`, () => {
    test('start a program, find it, watch it, signal it, and say how it ended', async () => {
      const folder = await tempFolder();
      const sh = await asSh(program, folder);
      const args = ["it's", '$HOME `id` $(id) \\', 'a\nb', '', 'ā\u0081\u{1f600}'];
      const start = {
        nonce: 'nonce',
        folder,
        id: 'one',
        command: ['sh', '-c', 'printf "<%s>" "$@" "$V"; exec sleep 600', 'x', ...args],
        cwd: '/',
        log: join(folder, "l'og"),
        env: { V: "'\n'", IFS: 'x' },
      };
      const [verb, pid, startTime = '', bootId = ''] = await run(sh, startScript(start));
      expect(verb).toBe('started');
      const log = () => readFile(start.log, 'utf8');
      await expect.poll(log).toBe([...args, "'\n'"].map((arg) => `<${arg}>`).join(''));
      expect(await run(sh, startScript(start))).toEqual(['taken']);
      expect(await run(sh, findScript('nonce', folder, 'one'))).toEqual(['found', pid, startTime, bootId]);
      expect(await run(sh, findScript('nonce', folder, 'two'))).toEqual(['none']);

      const watch = spawn(sh, ['-s'], { stdio: ['pipe', 'pipe', 'inherit'] });
      const lines: string[] = [];
      watch.stdout.on('data', (chunk) => lines.push(...String(chunk).trim().split('\n')));
      watch.stdin.write(watchScript('nonce', folder));
      await expect.poll(() => lines.splice(0)).toEqual(['nonce ready']);
      watch.stdin.write(`add one ${pid} ${startTime} ${bootId}\nadd two 999999 1 x\nlook\n`);
      await expect.poll(() => lines.splice(0)).toEqual(['nonce looked']);
      watch.stdin.write('deep\n');
      await expect.poll(() => lines.length).toBe(2);
      expect(lines.splice(0)).toEqual(['nonce ended two ?', 'nonce looked']);

      const name = { id: 'one', pid: Number(pid), startTime, bootId };
      expect(await run(sh, lookScript('nonce', folder, name))).toEqual(['same']);
      const other = { ...name, startTime: '1' };
      expect(await run(sh, signalScript('nonce', folder, other, 'KILL'))).toEqual(['gone']);
      expect(await run(sh, signalScript('nonce', folder, name, 'TERM'))).toEqual(['sent']);
      const exit = () => readFile(join(folder, 'run/one/exit'), 'utf8').catch(() => '');
      await expect.poll(exit).toBe('143\n');
      watch.stdin.write('look\ndrop one\n');
      await expect.poll(() => lines.length).toBe(2);
      expect(lines).toEqual(['nonce ended one 143', 'nonce looked']);
      await expect.poll(exit).toBe('');
      watch.stdin.end();
      expect(await run(sh, lookScript('nonce', folder, name))).toEqual(['gone']);
    });

    test('do nothing where only a part of one arrived', async () => {
      const folder = await tempFolder();
      const sh = await asSh(program, folder);
      const ran = join(folder, 'ran');
      const script = startScript({
        ...{ nonce: 'nonce', folder, id: 'one', cwd: '/', log: join(folder, 'log'), env: {} },
        command: ['touch', ran],
      });
      for (const share of [0.3, 0.6, 0.9, 0.99]) {
        const child = spawn(sh, ['-s'], { detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
        child.stdin.end(script.slice(0, script.length * share));
        let text = '';
        for await (const chunk of child.stdout) text += chunk;
        expect(text).toBe('');
      }
      await expect(readFile(join(folder, 'run/one/ref'))).rejects.toThrow('ENOENT');
      await expect(readFile(ran)).rejects.toThrow('ENOENT');
    });
  });
}

test('an argument with U+0000, which no program can be given, is refused and not cut', () => {
  expect(() => quoted('a\u0000b')).toThrow(/U\+0000/);
});
