import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedEngine } from '../../src/adapters/embedded-engine/embedded-engine.ts';
import { permissionIndex } from '../../src/adapters/permission-index/permission-index.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { postgresCandidateIndex } from '../../src/adapters/postgres/search/candidate-index.ts';
import { type Tuning, usualTuning } from '../../src/adapters/postgres/search/choose-route.ts';
import { ensureVectorIndex } from '../../src/adapters/postgres/search/vector-index.ts';
import { tupleProblem } from '../../src/evaluator/validate.ts';
import type { PermissionIndex } from '../../src/ports/permission-index.ts';
import type { ReadPath } from '../../src/retrieve/retrieve.ts';
import { spoiledBy } from '../differential/evaluate.ts';
import { spoils } from '../differential/spoil.ts';
import { everywhere, forced } from '../search/scopes.ts';
import { allowsAll } from '../support/engines.ts';
import { openParts, type Parts } from '../support/parts.ts';
import { type Deployment, noTotals, play, type Totals } from './play.ts';
import { Truth } from './truth.ts';
import { type OracleWorld, oracleWorlds } from './world.ts';

/** The long run is `npm run test:oracle`. */
const CASES = Number(process.env.ORACLE_CASES ?? 150);
const SEED = Number(process.env.ORACLE_SEED ?? 20_261_123);
const QUESTIONS = 10;

/** Of what a walk may follow in every third world: too little for most. */
const FEW_STEPS = 3;
const tunings: readonly Tuning[] = [usualTuning(256), forced.listed, forced.scan, forced.approximate];

let parts: Parts;
/** Documents of the same ids, and other texts. */
let tenants: readonly Truth[];

beforeAll(async () => {
  parts = await openParts();
  await ensureVectorIndex(parts.database, parts.write.embeddings.dimension, { from: 1 });
  tenants = ['east', 'west', 'north'].map((tenant) => new Truth(tenant));
});
afterAll(() => parts.close());

type Faults = {
  readonly engine?: ReadPath['engine'];
  readonly permissions?: (of: OracleWorld) => PermissionIndex;
};

/** The service for one world: another model than in the last, on the same store. */
function deploymentOf(of: OracleWorld, faults: Faults): Deployment {
  const { world, guarded, seed } = of;
  const { database, read, write } = parts;
  const { embeddings } = write;
  const relationships = postgresRelationships(database);
  const maxSteps = seed % 3 === 0 ? FEW_STEPS : undefined;
  const permissions =
    faults.permissions?.(of) ?? permissionIndex(world.model, guarded, relationships, maxSteps);
  const tuning = tunings[seed % tunings.length];
  return {
    read: {
      ...read,
      guarded,
      relationships,
      engine: faults.engine ?? embeddedEngine(world.model, relationships),
      index: postgresCandidateIndex(database, embeddings, permissions, tuning),
    },
    everything: postgresCandidateIndex(database, embeddings, everywhere),
    write: {
      ...write,
      guarded,
      relationships,
      removalMayWiden: world.model.types.get(guarded.type)?.get(guarded.relation)?.mayExclude ?? true,
      tupleProblem: (tuple) => tupleProblem(world.model, tuple),
    },
    token: (subject, more) => parts.token(subject, more),
    // By an adapter of its own, as another process has one.
    writeElsewhere: (tenant, changes) => postgresRelationships(database).write(tenant, changes),
  };
}

async function playWorlds(cases: number, faults: Faults = {}): Promise<Totals> {
  const totals = noTotals();
  const property = fc.asyncProperty(oracleWorlds, async (of) => {
    fc.pre(of !== undefined);
    const truth = tenants[of.seed % tenants.length] ?? new Truth('south');
    await play(deploymentOf(of, faults), truth, of, QUESTIONS, totals);
  });
  const numRuns = Math.ceil(cases / QUESTIONS);
  const { failed, errorInstance } = await fc.check(property, { numRuns, seed: SEED, endOnFailure: true });
  // It says more than the whole world would.
  if (failed) throw errorInstance;
  return totals;
}

describe('answers, held against what each passage and each relationship says by itself', () => {
  it(`hold nothing that may not be read, and lack nothing that may (${CASES} cases)`, {
    timeout: 3_600_000,
  }, async () => {
    const totals = await playWorlds(CASES);
    console.log(`ORACLE_SEED=${SEED}`, totals);
    expect(totals.cases).toBeGreaterThanOrEqual(CASES);
    expect(totals).toMatchObject({ leaks: 0, losses: 0 });
    expect(totals.complete).toBe(totals.cases - totals.undecided);
    expect(totals.undecided / totals.cases).toBeLessThan(0.2);
    expect(totals.between / totals.cases).toBeGreaterThan(0.2);
    for (const [change, count] of Object.entries(totals.changes)) {
      expect(count / CASES, change).toBeGreaterThan(0.02);
    }
  });

  it('would be found to leak, were the verdicts of the engine passed over', async () => {
    const faults = { engine: allowsAll, permissions: () => everywhere };
    await expect(playWorlds(300, faults)).rejects.toThrow('LEAK');
  });

  it.each(['direct', 'computed', 'from', 'union'])(
    'would be found to lose, did the index not know what this brings: %s',
    async (operator) => {
      const permissions = ({ world, guarded }: OracleWorld) => {
        const spoil = spoils[operator];
        if (spoil === undefined) throw new Error(`no such fault: ${operator}`);
        const { model } = spoiledBy(spoil, world);
        return permissionIndex(model, guarded, postgresRelationships(parts.database));
      };
      await expect(playWorlds(600, { permissions })).rejects.toThrow('LOSS');
    },
  );
});
