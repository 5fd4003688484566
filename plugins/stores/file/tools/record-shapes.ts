import { z } from 'zod';
import { describeIssues, type JsonObject } from '../../../../core/index.js';
import type { JournalRecord, SnapshotRecord } from '../format.js';

/** What every record must look like. Recovery trusts the checksum; who verifies trusts nothing. */

const count = z.int().min(0);
const revision = z.int().min(1);
const value = z.custom<JsonObject>(
  (given) => typeof given === 'object' && given !== null && !Array.isArray(given),
  {
    error: 'expected an object',
  },
);
const change = [z.string(), z.string(), value.nullable()] as const;
const runs = z
  .array(revision)
  .refine((given) => given.length % 2 === 0, { error: 'expected pairs of first and count' });

const state = z.strictObject({
  state: z.enum(['begin', 'open', 'close']),
  given: runs.optional(),
  synced: count.optional(),
  epoch: z.string().min(1),
  home: z.string().min(1),
  revision: count,
  nextId: z.int().min(1),
  after: z.strictObject({ journal: count, end: count }).optional(),
  needsSnapshot: z.literal(true).optional(),
});

const batch = z.strictObject({
  given: runs.optional(),
  synced: count.optional(),
  volatile: z.array(z.tuple([revision, z.string(), z.string(), ...change])).optional(),
  commits: z.array(z.tuple([z.string(), z.string(), z.array(z.tuple([...change]))])).optional(),
  nextId: z.int().min(1).optional(),
});

const snapshotBegin = z.strictObject({ snapshot: z.int().min(1) });
const entries = z.strictObject({ entries: z.array(z.tuple([z.string(), z.string(), revision, value])) });
const snapshotEnd = z.strictObject({ end: count });

type Parsed<T> =
  | { readonly record: T; readonly wrong?: undefined }
  | { readonly record?: undefined; readonly wrong: string };

/** A journal's record, or what is wrong with it. */
export function parseJournalRecord(payload: string): Parsed<JournalRecord> {
  return parse(payload, (json) => ('state' in json ? state : batch));
}

/** A snapshot's record, or what is wrong with it. */
export function parseSnapshotRecord(payload: string): Parsed<SnapshotRecord> {
  return parse(payload, (json) =>
    'snapshot' in json ? snapshotBegin : 'end' in json ? snapshotEnd : entries,
  );
}

function parse<T>(payload: string, schemaOf: (json: object) => z.ZodType): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(payload);
  } catch {
    return { wrong: 'it is not JSON' };
  }
  if (typeof json !== 'object' || json === null) return { wrong: 'it is not a JSON object' };
  const schema = schemaOf(json);
  const result = schema.safeParse(json);
  if (result.success) return { record: json as T };
  return { wrong: describeIssues(result.error, schema).slice(0, 3).join('; ') };
}
