import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Bodies that differ in one number, which stands wherever the template says NUMBER: either no two have the same, counted
 * up, or any below one, at random.
 */
export type WrkBody = {
  readonly template: string;
} & ({ readonly from: number } | { readonly below: number; readonly digits: number });

/** Whether Debian's wrk is there: it costs the machine less than a client in Node, so that more is left to the server. */
export function hasWrk(): boolean {
  return spawnSync('wrk', ['--version'], { stdio: 'ignore' }).error === undefined;
}

/**
 * Has wrk send POSTs for some seconds. Answers how many were answered a second; rejects where any answer was no 200.
 */
export async function wrk(options: {
  url: string;
  connections: number;
  seconds: number;
  body: WrkBody;
}): Promise<number> {
  const { url, connections, seconds, body } = options;
  const number =
    'from' in body
      ? { begin: `local number = ${body.from}`, next: 'number = number + 1', show: 'number' }
      : {
          begin: 'math.randomseed(os.time())',
          next: `local number = math.random(0, ${body.below - 1})`,
          show: `string.format('%0${body.digits}d', number)`,
        };
  const folder = await mkdtemp(join(tmpdir(), 'rollcall-wrk-'));
  try {
    const script = join(folder, 'post.lua');
    const parts = body.template.split('NUMBER').map((part) => `[==[${part}]==]`);
    await writeFile(
      script,
      `${number.begin}
       wrk.method = 'POST'
       wrk.headers['Content-Type'] = 'text/xml'
       request = function()
         ${number.next}
         return wrk.format(nil, nil, nil, table.concat({${parts.join(', ')}}, ${number.show}))
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
