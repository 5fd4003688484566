const MOST_HEADERS = 32;
/** RFC 9110 §5.6.2. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 §5.5; the characters beyond ASCII are sent as Latin-1. */
const VALUE = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;
/** They say how the message is framed or what becomes of the connection, which is not for a check to say. */
const OURS: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'expect', 'http2-settings', 'keep-alive', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

/** Frameworks that listen to them take a GET for whatever method they name. */
const OVERRIDES: ReadonlySet<string> = new Set([
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]);

/** Headers of a request as undici takes them, names and values in turn; or what is wrong with one. */
export interface ParsedHeaders {
  readonly list: readonly string[];
  readonly hasHost: boolean;
  /** One of them asks for another method than the request's. */
  readonly overridesMethod: boolean;
  readonly objection: string | undefined;
}

/** No value stands in what is wrong: it may be a secret. */
export function parseHeaders(given: { readonly [name: string]: string }): ParsedHeaders {
  const names = new Set<string>();
  const list: string[] = [];
  const refused = (objection: string) => ({ list: [], hasHost: false, overridesMethod: false, objection });
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase();
    const shown = JSON.stringify(name);
    if (!NAME.test(name)) return refused(`expected the name of a header, not ${shown}`);
    if (OURS.has(lower)) return refused(`expected no ${shown}, which the checker itself says`);
    if (names.has(lower)) return refused(`expected ${shown} once`);
    if (!VALUE.test(value))
      return refused(`expected ${shown} in Latin-1, without control characters or spaces around it`);
    names.add(lower);
    list.push(name, value);
  }
  if (names.size > MOST_HEADERS) return refused(`expected at most ${MOST_HEADERS} headers`);
  if (!names.has('user-agent')) list.push('User-Agent', 'rollcall');
  if (!names.has('accept')) list.push('Accept', '*/*');
  const overridesMethod = [...OVERRIDES].some((name) => names.has(name));
  return { list, hasHost: names.has('host'), overridesMethod, objection: undefined };
}
