/**
 * Makes one program of a page's `js` blocks, in order, in which everything the page claims is checked:
 *
 *     statement;            // => value        what the statement gives, or the constant it defines holds
 *     statement; // throws CODE                the code of the error it throws
 *     | `$op` | meaning | `query` | 1, 2 |     a row of a table: the ids of the books that a query finds
 *
 * A value may go on over further comment lines, and begin on one after the statement. Claims are made of statements that
 * begin at the left margin.
 */
export function programOf(page: string): { readonly program: string; readonly claims: number } {
  const output: string[] = [PREAMBLE];
  let claims = 0;
  let isCode = false;
  let code: string[] = [];
  for (const line of page.split('\n')) {
    const [, operator, query, ids] = /^\| `(\$\w+)` .*\| (`.*`) +\| ([\d, ]*) *\|$/.exec(line) ?? [];
    if (isCode && line === '```') {
      const checked = checkClaims(code);
      claims += checked.claims;
      output.push(checked.code);
      isCode = false;
    } else if (isCode) {
      code.push(line);
    } else if (line === '```js') {
      isCode = true;
      code = [];
    } else if (operator !== undefined) {
      claims++;
      const found = `books.find(${query?.slice(1, -1)}).map(({ id }) => id).sort()`;
      output.push(`check(${found}, [${ids}], ${JSON.stringify(line)});`);
    }
  }
  return { program: `${output.join('\n')}\n`, claims };
}

const PREAMBLE = `
import assert from 'node:assert/strict';
const check = (actual, expected, line) => {
  try {
    assert.deepStrictEqual(actual, expected);
  } catch (error) {
    throw new Error(line + ' -- ' + error.message);
  }
};
const checkThrows = (run, code, line) => {
  let thrown;
  try {
    run();
  } catch (error) {
    thrown = error.code;
  }
  check(thrown, code, line);
};
`;

function checkClaims(lines: readonly string[]): { readonly code: string; readonly claims: number } {
  const output: string[] = [];
  let claims = 0;
  /** Where in the output the last statement began. */
  let start = 0;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string;
    const [, before = '', kind, claim = ''] = /^(.*?) ?\/\/ (=>|throws) (.*)$/.exec(line) ?? [];
    if (kind === undefined || (before !== '' && before.trimStart().startsWith('//'))) {
      if (/^[^\s})\]/]/.test(line)) start = output.length;
      output.push(line);
      continue;
    }
    if (/^[^\s})\]/]/.test(before)) start = output.length;
    if (before !== '') output.push(before);
    let value = claim;
    while (/^\/\/ {4}/.test(lines[at + 1] ?? '')) value += `\n${lines[++at]?.slice(2)}`;
    const statement = output.splice(start).join('\n').trimEnd().replace(/;$/, '');
    const [, name] = /^const (\w+) = /.exec(statement) ?? [];
    const source = JSON.stringify(line);
    if (kind === 'throws') output.push(`checkThrows(() => { ${statement}; }, '${value.trim()}', ${source});`);
    else if (name !== undefined) output.push(`${statement};\ncheck(${name}, (${value}), ${source});`);
    else output.push(`check(${statement}, (${value}), ${source});`);
    claims++;
    start = output.length;
  }
  return { code: output.join('\n'), claims };
}
