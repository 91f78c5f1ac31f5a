import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { misreadRelations } from '../../src/adapters/openfga/misread.ts';
import { openFgaRelationships } from '../../src/adapters/openfga/relationships.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { postgresCandidateIndex } from '../../src/adapters/postgres/search/candidate-index.ts';
import { openServer } from '../../src/adapters/postgres/server.ts';
import { openService } from '../../src/compose.ts';
import { readConfig } from '../../src/config.ts';
import { ModelError, modelFromDsl } from '../../src/evaluator/model.ts';
import { openSides } from '../../src/operations.ts';
import { developmentToken } from '../../src/operator.ts';
import { DEFAULT_TENANT } from '../../src/types/principal.ts';
import { content } from '../../src/types/tuple.ts';
import { dslOf } from '../differential/print.ts';
import { everywhere } from '../search/scopes.ts';
import { realParts } from '../support/real-parts.ts';
import { install } from '../support/real-service.ts';
import { knowAgentsOf } from '../support/service.ts';
import { type Deployment, noTotals, play, type Totals } from './play.ts';
import { Truth } from './truth.ts';
import { type OracleWorld, oracleWorlds } from './world.ts';

/** The long run is `npm run test:oracle`: every world is an installation of its own. */
const CASES = Number(process.env.ORACLE_CASES ?? 0);
const WORLDS = CASES > 0 ? 20 : 2;
const SEED = Number(process.env.ORACLE_SEED ?? 20_261_123);
const QUESTIONS = 10;

const LEARNED_WITHIN_MS = 20_000;
const PAUSE_MS = 50;

describe.skipIf(realParts() === undefined)('answers of Postgres and an OpenFGA server', () => {
  it(`hold nothing that may not be read now, and lack nothing once the feed has told of it (${WORLDS} worlds)`, {
    timeout: 1_800_000,
  }, async () => {
    const totals = noTotals();
    for (const world of worlds()) await playOnRealParts(world, totals);
    console.log(`ORACLE_SEED=${SEED}`, totals);
    expect(totals).toMatchObject({ leaks: 0, losses: 0 });
    expect(totals.cases).toBeGreaterThanOrEqual(WORLDS * QUESTIONS);
    expect(totals.complete).toBe(totals.cases - totals.undecided);
    expect(totals.between).toBeGreaterThan(0);
    expect(totals.changes.elsewhere).toBeGreaterThan(0);
  });
});

/** Those with a model that the service would start with. */
function worlds(): readonly OracleWorld[] {
  const sampled = fc.sample(oracleWorlds, { numRuns: WORLDS * 10, seed: SEED });
  return sampled.flatMap((of) => (of !== undefined && isUsable(of) ? [of] : [])).slice(0, WORLDS);
}

/** The language says less than the JSON can: it has no conditions on values of any type, and nothing twice in one union. */
function isUsable({ world: { model } }: OracleWorld): boolean {
  try {
    return misreadRelations(modelFromDsl(dslOf(model.json))).length === 0;
  } catch (error) {
    if (error instanceof ModelError) return false;
    throw error;
  }
}

async function playOnRealParts(of: OracleWorld, totals: Totals): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'clearance-oracle-'));
  const file = join(folder, 'model.fga');
  await writeFile(file, dslOf(of.world.model.json));
  const { type, relation } = of.guarded;
  const installation = await install({
    AUTHORIZATION_MODEL: file,
    GUARDED_RELATION: `${type}#${relation}`,
    RATE_LIMIT_PER_MINUTE: '100000',
  });
  try {
    await playOn(installation.env, of, totals);
  } finally {
    await installation.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function playOn(
  env: Record<string, string | undefined>,
  of: OracleWorld,
  totals: Totals,
): Promise<void> {
  const config = readConfig(env);
  if (config.database === undefined || config.openfga === undefined) throw new Error('no real parts');
  const service = await openService(config, console.error);
  const database = openServer(config.database.url, { poolSize: 2 });
  try {
    const copy = postgresRelationships(database);
    const { client, stores } = await openSides(config.openfga, database);
    const atServer = openFgaRelationships(client, stores);
    const deployment: Deployment = {
      read: service.read,
      everything: postgresCandidateIndex(database, service.write.embeddings, everywhere),
      write: service.write,
      async token(subject, more) {
        await knowAgentsOf(service.registry, { ...more, subject });
        return developmentToken(config, { subject, scopes: ['retrieve'], lifetime: 3_600, ...more });
      },
      writeElsewhere: (tenant, changes) => atServer.write(tenant, changes),
      async learned(truth) {
        const known = [...truth.tuples.values()].map(content).toSorted().join('\n');
        const until = Date.now() + LEARNED_WITHIN_MS;
        for (;;) {
          const pages = await Array.fromAsync(copy.pages(truth.tenant));
          if (pages.flat().map(content).toSorted().join('\n') === known) return;
          if (Date.now() > until) throw new Error('the copy of the relationships is not what was written');
          await sleep(PAUSE_MS);
        }
      },
    };
    await play(deployment, new Truth(DEFAULT_TENANT), of, QUESTIONS, totals);
  } finally {
    await service.close();
    await database.close();
  }
}
