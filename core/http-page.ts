/** Of every page: nothing but its own text is loaded or run, nobody frames it, and no address of ours is given away. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
});

/** Whether a page can be had by it. HEAD is a GET without the body (RFC 9110 §9.3.2), which node:http sees to. */
export function isPageMethod(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
