import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Whether Debian's wrk is there: it costs the machine less than a client in Node, so that more is left to the server. */
export function hasWrk(): boolean {
  return spawnSync('wrk', ['--version'], { stdio: 'ignore' }).error === undefined;
}

/**
 * Has wrk send POSTs for some seconds, each body being `before`, a number that no other has, and `after`. Answers how
 * many were answered a second; rejects where any answer was no 200.
 */
export async function wrk(options: {
  url: string;
  connections: number;
  seconds: number;
  before: string;
  after: string;
  from: number;
}): Promise<number> {
  const { url, connections, seconds, before, after, from } = options;
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-wrk-'));
  try {
    const script = join(folder, 'post.lua');
    await writeFile(
      script,
      `local number = ${from}
       wrk.method = 'POST'
       wrk.headers['Content-Type'] = 'text/xml'
       request = function()
         number = number + 1
         return wrk.format(nil, nil, nil, [==[${before}]==] .. number .. [==[${after}]==])
       end`,
    );
    const args = ['-t1', `-c${connections}`, `-d${seconds}`, '-s', script, url];
    const { stdout } = await promisify(execFile)('wrk', args, { timeout: (seconds + 30) * 1_000 });
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
    return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
