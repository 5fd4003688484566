import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '../../core/index.js';
import { FAULT_CODE_OF_ERROR, FAULT_CODES } from '../../plugins/transports/xml-rpc/faults.js';
import { tableRows } from '../support/table-rows.js';

const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const rows = tableRows(page);
const documented = rows.flatMap(([code, fault, meaning, remedy]) =>
  code?.startsWith('`') ? [{ code: code.replaceAll('`', ''), fault: Number(fault), meaning, remedy }] : [],
);

test('docs/errors.md lists every error code, in order, and no other', () => {
  expect(documented.map(({ code }) => code)).toEqual(Object.keys(ERROR_CODES));
});

test('docs/errors.md gives each code the meaning and the fault that it has, and says what to do', () => {
  for (const { code, fault, meaning, remedy } of documented) {
    expect({ code, meaning }).toEqual({ code, meaning: ERROR_CODES[code as ErrorCode] });
    expect({ code, fault }).toEqual({ code, fault: FAULT_CODE_OF_ERROR[code as ErrorCode] });
    expect(remedy?.length).toBeGreaterThan(10);
  }
});

test('docs/errors.md lists every fault of the XML-RPC door, and no other', () => {
  const faults = rows.flatMap(([first, ...others]) =>
    others.length === 1 && /^-\d+$/.test(first ?? '') ? [Number(first)] : [],
  );
  expect(faults).toEqual(Object.values(FAULT_CODES));
});

test("Rollcall's own faults are from 1001 to 1999, as docs/errors.md says, or have the code that the interop faults give them", () => {
  const interop: readonly number[] = Object.values(FAULT_CODES);
  for (const [error, code] of Object.entries(FAULT_CODE_OF_ERROR)) {
    expect({ error, isKnown: interop.includes(code) || (code >= 1_001 && code <= 1_999) }).toEqual({
      error,
      isKnown: true,
    });
  }
  expect(page).toContain('from 1001 to 1999');
});

test('no two errors share a fault code', () => {
  const codes = Object.values(FAULT_CODE_OF_ERROR);
  expect(new Set(codes).size).toBe(codes.length);
});
