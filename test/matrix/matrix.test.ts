import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowsAll } from '../support/engines.ts';
import { type Deployment, openDeployment } from './deployment.ts';
import { faults, playFault } from './faults.ts';
import { play } from './play.ts';
import { expectEveryKind } from './totals.ts';

/** The long run is `npm run test:matrix`. */
const CASES = Number(process.env.MATRIX_CASES ?? 300);
const SEED = Number(process.env.MATRIX_SEED ?? 20_261_127);
/** One that finds every fault soon: in 18 questions on average, and 93 at most, after the short run. */
const FAULT_SEED = 14;
/** Within which a fault has to be found, after whatever run. */
const ENOUGH = 3_000;

let deployment: Deployment;
beforeAll(async () => {
  deployment = await openDeployment();
});
afterAll(() => deployment.close());

describe('person, agents, audience, tenant and document, in worlds that change', () => {
  it(`come to the answer that an oracle says, through every door (${CASES} cases)`, {
    timeout: 7_200_000,
  }, async () => {
    const begin = performance.now();
    const totals = await play(deployment, { cases: CASES, seed: SEED });
    const speed = Math.round((CASES * 1_000) / (performance.now() - begin));
    console.log(`MATRIX_SEED=${SEED}, ${speed} cases a second`, totals.all());
    expectEveryKind(totals, CASES);
    expect(deployment.service.errors).toEqual([]);
  });
});

describe('a fault is found', () => {
  it.each(Object.entries(faults))('%s', { timeout: 600_000 }, async (_, fault) => {
    const playing = playFault(deployment, fault, { cases: ENOUGH, seed: FAULT_SEED });
    await expect(playing).rejects.toThrow(fault.found);
  });

  it('a door that goes round the read path', { timeout: 600_000 }, async () => {
    const { service, everything, http } = deployment;
    const read = { ...service.read, index: everything, engine: allowsAll };
    await expect(play(deployment, { cases: ENOUGH, seed: FAULT_SEED, door: { http, read } })).rejects.toThrow(
      /the (retriever|tool) in process says/,
    );
  });
});
