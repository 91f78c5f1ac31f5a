import type { Model } from '../../evaluator/model.ts';
import { compilePlan, type Plan } from '../../permission-index/plan.ts';
import { PublishedDocuments } from '../../permission-index/published-documents.ts';
import { RelationshipGraph } from '../../permission-index/relationship-graph.ts';
import { MAX_STEPS, walk } from '../../permission-index/walk.ts';
import { Ways } from '../../permission-index/ways.ts';
import type { PermissionIndex, Published, Scope } from '../../ports/permission-index.ts';
import type { Reasons } from '../../ports/proofs.ts';
import type { DocumentLog, DocumentState, TupleLog } from '../../ports/tuple-log.ts';
import { DocumentSet } from '../../types/document-set.ts';
import { applyChanges, readInto } from '../../types/tuple-copy.ts';
import { eachUpToDate } from '../../types/up-to-date.ts';

/** Bytes of bitmaps, and as many of ways, that are kept for a tenant until its version moves. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
const BYTES_A_STEP = 100;
/** Of one that is kept, beside its name and what it holds: anyone can name readers who may find nothing. */
const BYTES_AN_ENTRY = 200;
/** Of the ways of one reader: whoever has more is asked about whole. */
const MAX_WAY_STEPS = 200_000;

/** What a reader may find; `undefined` where the walk was given up. */
type Findable = { readonly documents: DocumentSet; readonly chunks: number } | undefined;

/** One tenant's relationships and documents in memory. */
export type Held = {
  version: number;
  readonly graph: RelationshipGraph;
  readonly documents: PublishedDocuments;
  /** By reader, or by all of them, as of `version`. */
  readonly kept: Map<string, Findable>;
  /** By reader, as of `version`: made when they are first asked for. */
  readonly ways: Map<string, Ways>;
  keptBytes: number;
  waysBytes: number;
};

export type InMemoryIndex = PermissionIndex & {
  readonly reasons: Omit<Reasons, 'stale'>;
  readonly plan: Plan;
  /** For explanations. */
  held(tenant: string): Promise<Held>;
};

/** The permission index in memory, never older than the database at the time of the question. */
export function permissionIndex(
  model: Model,
  guarded: { readonly type: string; readonly relation: string },
  log: TupleLog & DocumentLog,
  maxSteps = MAX_STEPS,
): InMemoryIndex {
  const plan = compilePlan(model, guarded);
  /** As of the last question of any kind. */
  const last = new Map<string, Held>();
  const held = eachUpToDate<Held>(async (tenant, before) => {
    const state = await catchUp(plan, log, tenant, before);
    last.set(tenant, state);
    return state;
  });

  return {
    plan,
    held,
    reasons: {
      chains(tenant, claims) {
        const state = last.get(tenant);
        return claims.map(({ user, object }) => state && waysOf(state, user)?.to(object));
      },
      size: (tenant, user) => last.get(tenant)?.kept.get(user)?.documents.size,
    },
    async scope(tenant, readers): Promise<Scope> {
      const state = await held(tenant);
      const watermark = String(state.version);
      const found = keptOr(state, readers.join(' '), () => findableByAll(state, readers, maxSteps));
      return found === undefined
        ? { watermark, kind: 'everywhere', why: `Whoever asks has more than ${maxSteps} ways to documents.` }
        : { watermark, kind: 'documents', ...found, published: publishedIn(state) };
    },
  };
}

async function catchUp(
  plan: Plan,
  log: TupleLog & DocumentLog,
  tenant: string,
  held: Held | undefined,
): Promise<Held> {
  if (held === undefined) return load(plan, log, tenant);
  const newest = await log.version(tenant);
  if (newest === held.version) return held;
  // Awaited before anything is changed: whoever fails half-way leaves what was held as it was.
  const { version, changes } = await log.changesSince(tenant, held.version);
  // They may be newer than the relationships read before them, and come again at the next turn.
  takeDocuments(held, await log.documentsSince(tenant, held.version));
  applyChanges(held.graph, changes);
  held.version = Math.max(newest, version);
  forgetKept(held);
  return held;
}

/** Page by page, and then what has changed since before the first. */
async function load(plan: Plan, log: TupleLog & DocumentLog, tenant: string): Promise<Held> {
  const graph = new RelationshipGraph(plan);
  const held: Held = {
    version: await readInto(graph, log, tenant),
    graph,
    documents: new PublishedDocuments(),
    kept: new Map(),
    ways: new Map(),
    keptBytes: 0,
    waysBytes: 0,
  };
  for await (const page of log.documentPages(tenant)) takeDocuments(held, page);
  return catchUp(plan, log, tenant, held);
}

function takeDocuments({ graph, documents }: Held, states: readonly DocumentState[]): void {
  const { type } = graph.plan.guarded;
  for (const { number, id, version, chunks } of states) {
    documents.set(graph.intern(`${type}:${id}`), number, version ?? 0, chunks);
  }
}

function publishedIn({ graph, documents }: Held): Published {
  const prefix = graph.plan.guarded.type.length + 1;
  return (number) => {
    const found = documents.versionOf(number);
    return found && { id: graph.nameOf(found.object).slice(prefix), version: found.version };
  };
}

/** By all of those whose walk came to an end: leaving one out only widens. */
function findableByAll(held: Held, readers: readonly string[], maxSteps: number): Findable {
  if (readers.length === 0) return { documents: DocumentSet.empty, chunks: 0 };
  const known = readers.flatMap(
    (reader) => keptOr(held, reader, () => findableBy(held, reader, maxSteps)) ?? [],
  );
  if (known.length <= 1) return known[0];
  const documents = known.map((each) => each.documents).reduce((all, one) => all.and(one));
  return { documents, chunks: held.documents.chunksOf(documents) };
}

function findableBy({ graph, documents }: Held, reader: string, maxSteps: number): Findable {
  const numbers: number[] = [];
  const found = (object: number) => {
    const number = documents.numberOf(object);
    if (number !== undefined) numbers.push(number);
  };
  if (!walk(graph, reader, found, { maxSteps })) return undefined;
  const set = DocumentSet.of(numbers);
  return { documents: set, chunks: documents.chunksOf(set) };
}

/** Where there is no room left none are made: thrown away for others, they would all be made again by each request. */
function waysOf(held: Held, reader: string): Ways | undefined {
  const known = held.ways.get(reader);
  if (known !== undefined || held.waysBytes >= MAX_KEPT_BYTES) return known;
  const ways = new Ways(held.graph, reader, MAX_WAY_STEPS);
  held.waysBytes += entryBytes(reader) + ways.size * BYTES_A_STEP;
  held.ways.set(reader, ways);
  return ways;
}

function keptOr(held: Held, name: string, find: () => Findable): Findable {
  if (held.kept.has(name)) return held.kept.get(name);
  const found = find();
  // As for one reader, who is all of them.
  if (held.kept.has(name)) return found;
  const bytes = entryBytes(name) + (found?.documents.bits.length ?? 0);
  if (held.keptBytes + bytes > MAX_KEPT_BYTES) forgetBitmaps(held);
  held.keptBytes += bytes;
  held.kept.set(name, found);
  return found;
}

function entryBytes(name: string): number {
  return 2 * name.length + BYTES_AN_ENTRY;
}

function forgetBitmaps(held: Held): void {
  held.kept.clear();
  held.keptBytes = 0;
}

function forgetKept(held: Held): void {
  forgetBitmaps(held);
  held.ways.clear();
  held.waysBytes = 0;
}
