import { expect, it } from 'vitest';
import type { Proofs } from '../../src/ports/proofs.ts';
import { shortCutsBy } from '../../src/retrieve/short-cuts.ts';

const proofs: Proofs = {
  reasons: { chains: () => [], size: () => undefined, stale: () => {} },
  questionsOf: () => undefined,
  markOf: () => undefined,
};

it('what verdicts have cost one tenant is nothing to another', () => {
  const of = shortCutsBy(proofs);
  const before = of('globex').costs.of('checks', 10);
  for (let i = 0; i < 100; i += 1) of('acme').costs.took('checks', 10, 60_000);
  expect(of('acme').costs.of('checks', 10)).toBeGreaterThan(before);
  expect(of('globex').costs.of('checks', 10)).toBe(before);
});
