import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNRULED } from '../../src/types/access.ts';
import { playWorlds } from '../access/worlds.ts';
import { openParts, type Parts } from '../support/parts.ts';

/** The long run is `npm run test:access`. */
const CASES = Number(process.env.ACCESS_CASES ?? 200);
const SEED = Number(process.env.ACCESS_SEED ?? 20_261_127);

let parts: Parts;
beforeAll(async () => {
  parts = await openParts();
});
afterAll(() => parts.close());

describe('what an agent may use, held against rules, labels and relationships one by one', () => {
  it(`is released, and nothing else is (${CASES} cases)`, { timeout: 3_600_000 }, async () => {
    const totals = await playWorlds(parts, 'default', CASES, SEED);
    console.log(`ACCESS_SEED=${SEED}`, totals);
    expect(totals.cases).toBeGreaterThanOrEqual(CASES);
    for (const [what, count] of Object.entries(totals)) expect(count / CASES, what).toBeGreaterThan(0.1);
  });

  it('would be found to leak, were the rules not looked at', async () => {
    const played = playWorlds(parts, 'no-rules', 60, SEED, ({ rules }) => ({
      rules: {
        ...rules,
        agents: {
          find: async (...asked) =>
            (await rules.agents.find(...asked)).map((agent) => ({ ...agent, access: UNRULED })),
        },
      },
    }));
    await expect(played).rejects.toThrow('LEAK');
  });

  it('would be found to leak, were the labels not looked at', async () => {
    const played = playWorlds(
      parts,
      'no-labels',
      100,
      SEED,
      ({ rules }) => ({
        rules: { ...rules, labels: { of: async (_, documents) => documents.map(() => []) } },
      }),
      /LEAK/,
    );
    await expect(played).rejects.toThrow('LEAK');
  });

  it('would be found to leak, were the relations of a rule not asked of the engine', async () => {
    const played = playWorlds(
      parts,
      'no-relations',
      100,
      SEED,
      ({ engine }) => ({
        engine: {
          async batchCheck(batch) {
            const results = await engine.batchCheck(batch);
            const relationOf = new Map(batch.checks.map((check) => [check.correlationId, check.relation]));
            return results.map((result) =>
              relationOf.get(result.correlationId) === 'can_read' ? result : { ...result, allowed: false },
            );
          },
        },
      }),
      /LEAK/,
    );
    await expect(played).rejects.toThrow('LEAK');
  });
});
