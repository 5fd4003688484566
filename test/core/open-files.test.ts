import { expect, test } from 'vitest';
import { connectionsAllowed, openFilesLimit } from '../../core/open-files.js';

test('a door has as many connections as it may, and leaves files for all else', () => {
  expect(connectionsAllowed(40_000, undefined)).toBe(40_000);
  expect(connectionsAllowed(40_000, 1_048_576)).toBe(40_000);
  expect(connectionsAllowed(40_000, 20_000)).toBe(15_904);
  expect(connectionsAllowed(40_000, 1024)).toBe(768);
  expect(connectionsAllowed(100, 1024)).toBe(100);
  expect(connectionsAllowed(100, 1)).toBe(1);
});

test.runIf(process.platform === 'linux')('Linux says how many files may be open', () => {
  expect(openFilesLimit()).toBeGreaterThan(20);
});
