import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { migrateParts } from '../../src/operations.ts';
import { DEFAULT_TENANT } from '../../src/types/principal.ts';
import { realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';
import { type Deployment, openDeployment } from './deployment.ts';
import { faults, playFault } from './faults.ts';
import { play } from './play.ts';
import { TENANTS } from './world.ts';

const CASES = Number(process.env.MATRIX_REAL_CASES ?? 100);
const SEED = Number(process.env.MATRIX_SEED ?? 20_261_127);

describe.skipIf(realParts() === undefined)('the same matrix, on Postgres and an OpenFGA server', () => {
  let installation: Installation;
  let deployment: Deployment;
  beforeAll(async () => {
    installation = await install();
    const config = readConfig(installation.env);
    for (const tenant of TENANTS) {
      if (tenant !== DEFAULT_TENANT) await migrateParts(config, tenant, false, () => {});
    }
    deployment = await openDeployment(installation.env);
  });
  afterAll(async () => {
    await deployment.close();
    await installation.close();
  });

  it(`comes to what the oracle says (${CASES} cases)`, { timeout: 3_600_000 }, async () => {
    const totals = await play(deployment, { cases: CASES, seed: SEED });
    console.log(`MATRIX_SEED=${SEED}`, totals.all());
    expect(totals.of('found through a chain')).toBeGreaterThan(0);
    expect(totals.of('refused: delegation_not_allowed')).toBeGreaterThan(0);
    expect(deployment.service.errors).toEqual([]);
  });

  const some = ['only the agent that asks counts, and none before it', 'a caller is in another tenant'];
  it.each(some)('finds a fault there too: %s', { timeout: 600_000 }, async (name) => {
    const fault = faults[name];
    if (fault === undefined) throw new Error(`no such fault: ${name}`);
    const playing = playFault(deployment, fault, { cases: CASES, seed: SEED });
    await expect(playing).rejects.toThrow(fault.found);
  });
});
