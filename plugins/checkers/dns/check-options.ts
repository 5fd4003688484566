import { z } from 'zod';
import { comparable, RECORD_TYPES } from './answers.js';

/** A name as it is asked for, of at most 253 characters in labels of at most 63 (RFC 1035 §2.3.4); `.` is the root. */
const NAME = /^(?:\.|(?:[^.]{1,63}\.)*[^.]{1,63}\.?)$/;
/** A backslash would begin an escape. */
const VISIBLE = /^[\x21-\x5b\x5d-\x7e]+$/;

const query = z
  .string()
  .max(254)
  .refine((name) => VISIBLE.test(name) && NAME.test(name) && name.replace(/\.$/, '').length <= 253, {
    error: "expected a name such as 'example.org', in ASCII",
  })
  // The resolver says by itself that there are none (RFC 7686), and asks no server.
  .refine((name) => !/\.onion\.?$/i.test(name), {
    error: 'expected a name that DNS can have, not one in .onion',
  });

/** What a check spec of kind `dns` may say. */
export const checkOptions = z
  .strictObject({
    query,
    type: z.enum(RECORD_TYPES).default('A'),
    expect: z.string().min(1).max(1_024).optional(),
  })
  .transform(({ query, type, expect }, context) => {
    if (expect === undefined) return { query, type, expect, expected: undefined };
    const expected = comparable(type, expect);
    if (expected === undefined) {
      const message = `expected what a record of type ${type} says, such as '${EXAMPLES[type]}'`;
      context.addIssue({ code: 'custom', path: ['expect'], message });
    }
    return { query, type, expect, expected };
  });

const EXAMPLES: { readonly [type in (typeof RECORD_TYPES)[number]]: string } = {
  A: '10.0.0.7',
  AAAA: '2001:db8::7',
  CNAME: 'www.example.org',
  MX: '10 mail.example.org',
  NS: 'ns.example.org',
  PTR: 'www.example.org',
  SOA: 'ns.example.org admin.example.org 2026010101 7200 3600 1209600 3600',
  SRV: '0 5 5060 sip.example.org',
  TXT: 'v=spf1 -all',
};
