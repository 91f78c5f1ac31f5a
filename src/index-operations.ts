import { embeddedEngine } from './adapters/embedded-engine/embedded-engine.ts';
import { openFgaEngine } from './adapters/openfga/engine.ts';
import { listedObjects } from './adapters/openfga/list-objects.ts';
import { type InMemoryIndex, permissionIndex } from './adapters/permission-index/permission-index.ts';
import type { Database } from './adapters/postgres/database.ts';
import { postgresRelationships } from './adapters/postgres/relationships.ts';
import { publishedAmong, samplePeople, tenantsWithRelationships } from './adapters/postgres/samples.ts';
import { type Agreement, type Rebuilt, rebuild, verifyCopy } from './agreement/rebuild.ts';
import type { Config } from './config.ts';
import { type Model, modelFromJson } from './evaluator/model.ts';
import { typeOf } from './evaluator/subject.ts';
import { openSides } from './operations.ts';
import { loadModel, openStore } from './parts.ts';
import { explain, sentence } from './permission-index/explain.ts';
import { missingLinks } from './permission-index/missing.ts';
import { type Verified, verifyScopes } from './permission-index/verify.ts';
import { Ways } from './permission-index/ways.ts';
import { contextNow, type Engine } from './ports/engine.ts';
import { askBatch } from './retrieve/verdicts.ts';
import { StartupError } from './types/errors.ts';
import { DEFAULT_TENANT } from './types/principal.ts';
import type { Tuple, TupleKey } from './types/tuple.ts';

export type Verification = {
  readonly tenant: string;
  /** Absent where the engine has no relationships but these. */
  readonly copy?: Agreement;
  readonly scopes: Verified;
};

/** For each tenant, what the index has against what it is made from, and what it lets people find against the engine. */
export function verifyIndex(config: Config, people: number): Promise<readonly Verification[]> {
  return withIndex(config, async ({ index, tenants, allowed, copy }, database) => {
    const found: Verification[] = [];
    for (const tenant of await tenants()) {
      const engine = {
        allowed: (user: string) => allowed(tenant, user),
        published: (ids: readonly string[]) => publishedAmong(database, tenant, ids),
      };
      const agreement = await copy?.(tenant);
      const sample = await samplePeople(database, tenant, people);
      const scopes = await verifyScopes(index, engine, tenant, sample);
      found.push({ tenant, scopes, ...(agreement === undefined ? {} : { copy: agreement }) });
    }
    return found;
  });
}

/** `way`: how the index gets from one to the other. Without one: the relationships at both ends, between which it is missing. */
export type Explanation = { readonly published: boolean } & (
  | { readonly way: readonly string[] }
  | { readonly way?: undefined; readonly ofReader: readonly Tuple[]; readonly ofDocument: readonly Tuple[] }
);

/** Why the index lets `reader` find `object`, or doesn't. The engine has the last word. */
export function explainIndex(
  config: Config,
  tenant: string,
  reader: string,
  object: string,
): Promise<Explanation> {
  return withIndex(config, async ({ index }, database) => {
    const { graph, documents } = await index.held(tenant);
    const id = graph.idOf(object);
    const published = id !== undefined && documents.numberOf(id) !== undefined;
    const way = explain(graph, reader, object)?.map(sentence);
    if (way !== undefined) return { published, way };
    const relationships = postgresRelationships(database);
    const [ofReader, ofDocument] = await Promise.all([
      relationships.mentioning(tenant, reader),
      relationships.ofObject(tenant, object),
    ]);
    return { published, ofReader, ofDocument };
  });
}

export type ClaimExplanation = {
  readonly verdict: 'allowed' | 'denied' | 'undetermined';
  /** The shortest way by the relationships; the engine may deny what it leads to. */
  readonly way?: readonly string[];
  /** Where no way leads there: relationships each of which alone would. */
  readonly missing?: readonly TupleKey[];
};

/** The engine's word on a claim, and the relationships behind it, or those that it lacks. */
export function explainClaim(config: Config, tenant: string, claim: TupleKey): Promise<ClaimExplanation> {
  return withIndex(config, async ({ model, engine }, database) => {
    const { user, relation, object } = claim;
    const type = typeOf(object);
    if (model.types.get(type)?.has(relation) !== true) {
      throw new StartupError(`The authorization model has no relation ${type}#${relation}.`);
    }
    const relationships = postgresRelationships(database);
    const { graph } = await permissionIndex(model, { type, relation }, relationships).held(tenant);
    const [verdict] = await askBatch(engine, tenant, [claim], new AbortController().signal);
    const way = explain(graph, user, object)?.map(sentence);
    const told = { verdict: verdict?.kind ?? 'undetermined' };
    if (way !== undefined) return { ...told, way };
    const usersets = new Ways(graph, user, Number.POSITIVE_INFINITY).usersets();
    const tuplesOn = (of: string) => relationships.ofObject(tenant, of);
    return { ...told, missing: await missingLinks(model, claim, usersets, tuplesOn) };
  });
}

/** The index, and what it is held against. */
type Opened = {
  readonly model: Model;
  readonly index: InMemoryIndex;
  readonly engine: Engine;
  readonly tenants: () => Promise<readonly string[]>;
  /** Documents that the engine says `user` may read: perhaps not all, but no others. */
  readonly allowed: (tenant: string, user: string) => Promise<readonly string[]>;
  /** Absent where the engine has no relationships but the store's. */
  readonly copy?: (tenant: string) => Promise<Agreement>;
};

async function withIndex<T>(
  config: Config,
  work: (opened: Opened, database: Database) => Promise<T>,
): Promise<T> {
  const store = await openStore(config, true);
  try {
    const { database } = store;
    const { openfga } = config;
    const opened =
      openfga === undefined ? await embedded(config, database) : await withOpenFga(config, openfga, database);
    return await work(opened, database);
  } finally {
    await store.close();
  }
}

async function embedded(config: Config, database: Database): Promise<Opened> {
  const { guarded } = config;
  const model = await loadModel(config);
  const log = postgresRelationships(database);
  const engine = embeddedEngine(model, log);
  const { signal } = new AbortController();
  return {
    model,
    engine,
    index: permissionIndex(model, guarded, log),
    tenants: () => tenantsWithRelationships(database),
    async allowed(tenant, user) {
      const documents = (await log.documentsSince(tenant, -1)).filter(({ chunks }) => chunks > 0);
      const checks = documents.map(({ id, number }) => ({
        correlationId: String(number),
        user,
        relation: guarded.relation,
        object: `${guarded.type}:${id}`,
      }));
      const results = await engine.batchCheck({ tenant, checks, context: contextNow(), signal });
      return documents.flatMap(({ id }, i) => (results[i]?.allowed === true ? [id] : []));
    },
  };
}

async function withOpenFga(
  { guarded: { type, relation } }: Config,
  openfga: NonNullable<Config['openfga']>,
  database: Database,
): Promise<Opened> {
  const { client, stores, sides } = await openSides(openfga, database);
  const { storeId, modelId } = await stores.of(DEFAULT_TENANT);
  const model = modelFromJson(await client.readModel(storeId, modelId));
  return {
    model,
    engine: openFgaEngine(client, stores),
    index: permissionIndex(model, { type, relation }, postgresRelationships(database)),
    tenants: () => sides.ledger.tenants(),
    async allowed(tenant, user) {
      const objects = await listedObjects(client, stores, tenant, {
        user,
        relation,
        type,
        context: contextNow(),
      });
      return objects.map((object) => object.slice(type.length + 1));
    },
    copy: (tenant) => verifyCopy(sides, tenant),
  };
}

/** Reads every relationship from the OpenFGA server again. Running services notice by the version. */
export async function rebuildIndex(
  config: Config,
): Promise<readonly (Rebuilt & { readonly tenant: string; readonly ms: number })[]> {
  if (config.openfga === undefined) {
    throw new StartupError(
      'There is nothing to rebuild from: the embedded engine keeps its relationships in the store, and each service reads the index from them when it starts.',
    );
  }
  const store = await openStore(config, true);
  try {
    const { sides } = await openSides(config.openfga, store.database);
    const rebuilt: (Rebuilt & { tenant: string; ms: number })[] = [];
    for (const tenant of await sides.ledger.tenants()) {
      const began = performance.now();
      const outcome = await rebuild(sides, tenant);
      rebuilt.push({ tenant, ...outcome, ms: performance.now() - began });
    }
    return rebuilt;
  } finally {
    await store.close();
  }
}
