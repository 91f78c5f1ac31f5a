import { describe, expect, it } from 'vitest';
import { realParts } from '../support/real-parts.ts';
import { differ } from './differ.ts';
import { Server } from './server.ts';
import { spoils } from './spoil.ts';

/** The long run is `npm run test:differential`. */
const WORLDS = Number(process.env.DIFFERENTIAL_WORLDS ?? 100);
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 20_261_123);

const openfga = realParts()?.openfga;

describe.skipIf(openfga === undefined)('the evaluator and a real OpenFGA server', () => {
  if (openfga === undefined) return;
  const server = new Server(openfga);

  it(`give the same answers in ${WORLDS} generated worlds`, { timeout: 3_600_000 }, async () => {
    const { totals, found } = await differ(server, { worlds: WORLDS, seed: SEED });
    console.log(`DIFFERENTIAL_SEED=${SEED}`, totals);
    if (found) expect.fail(found.report);

    expect(totals.worlds).toBe(WORLDS);
    const { allowed, denied, error } = totals.checks;
    const checks = allowed + denied + error;
    expect(checks / WORLDS).toBeGreaterThan(20);
    expect(allowed / checks).toBeGreaterThan(0.08);
    expect(error / checks).toBeGreaterThan(0.005);
    expect(totals.races / checks).toBeLessThan(0.005);
    for (const [operator, worlds] of totals.dependOn) {
      expect(worlds / WORLDS, `worlds that depend on: ${operator}`).toBeGreaterThan(0.03);
    }
  });

  it.each(['but not', 'wildcard, of every type'])(
    'would not with a fault in the evaluator, which is then shown small: %s',
    { timeout: 300_000 },
    async (operator) => {
      const { found } = await differ(server, { worlds: 100, seed: SEED, spoil: spoils[operator] });
      expect(found?.report).toContain('server');
      expect(found?.world?.questions).toHaveLength(1);
      expect(found?.world?.tuples.length).toBeLessThanOrEqual(4);
      expect(found?.world?.contextual.length).toBeLessThanOrEqual(1);
    },
  );
});
