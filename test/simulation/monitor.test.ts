import { describe, expect, it } from 'vitest';
import { scenarioOf } from './monitor-scenario.js';
import { MonitorSimulation } from './monitor-simulation.js';

/** `npm run test:simulation` runs a thousand and more, and longer ones. */
const SEEDS = 20;

describe('10,000 instances that crash, pause, flap, move and are cut off, watched by a registry that stalls and restarts', () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    it(`are each known for what they are in time, and for nothing else: seed ${seed}`, async () => {
      const simulation = new MonitorSimulation(scenarioOf(seed, 'wide', true));
      const { broken, story, counts } = await simulation.run();
      const told = broken === undefined ? '' : `${broken}\n${story.join('\n')}\nreplay: ${simulation.replay}`;
      expect(told).toBe('');
      expect(counts.verdicts).toBeGreaterThan(0);
    });
  }

  it('an hour or a day of it, with 300 instances', async () => {
    const simulation = new MonitorSimulation(scenarioOf(1, 'long', true));
    const { broken, story } = await simulation.run();
    const told = broken === undefined ? '' : `${broken}\n${story.join('\n')}\nreplay: ${simulation.replay}`;
    expect(told).toBe('');
  });
});
