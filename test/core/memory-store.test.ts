import { describe, expect, it } from 'vitest';
import { MemoryStore, systemClock } from '../../core/index.js';
import { describeStore, MapReader } from '../contracts/store.js';

describe('the memory store', () => {
  describeStore({
    test: it,
    create: async () => ({ store: new MemoryStore(systemClock), dispose: async () => {} }),
  });

  it('begins a new epoch each time, since it keeps nothing', async () => {
    const open = async () => {
      const store = new MemoryStore(systemClock);
      const state = await store.open(new MapReader());
      await store.close();
      return state;
    };
    const [first, second] = [await open(), await open()];
    expect(first.epoch).not.toBe(second.epoch);
  });
});
