import { randomUUID } from 'node:crypto';
import type { Engine, Relationships } from '../ports/engine.ts';
import type { Candidate, CandidateSearch, RankedDocument } from '../ports/search.ts';
import { batches } from '../types/batches.ts';
import { ClearanceError } from '../types/errors.ts';
import { type Principal, readersOf } from '../types/principal.ts';
import type { Shortfall } from '../types/retrieval.ts';
import type { TupleKey } from '../types/tuple.ts';
import type { Grounds, Verdict } from '../types/verdict.ts';
import { type Audience, readersFor } from './audience.ts';
import { Judge, type ShortCuts } from './judge.ts';

/** Documents that one request may ask the engine about. Beyond it the answer says `complete: false`. */
export const MAX_CHECKED_DOCUMENTS = 10_000;
/**
 * Documents in the first round where nothing says who may read them; where the permission index does, k are most often
 * enough. Each further round is four times as large, so that few readable ones cost few rounds.
 */
const FIRST_ROUND = 50;
/** Claims. */
const JUDGED_AT_ONCE = 50;
/** Documents asked about that the audit record names, best first; of those beyond it only the number. */
export const MAX_RECORDED_CANDIDATES = 100;

export type Enforcement = {
  readonly engine: Engine;
  readonly relationships: Pick<Relationships, 'watermark'>;
  /** Absent: every claim is asked whole. */
  readonly shortCuts?: ShortCuts;
  /** What a person needs on a document to be given its text: `{type: 'document', relation: 'can_read'}`. */
  readonly guarded: { readonly type: string; readonly relation: string };
};

/**
 * Candidates that the engine has allowed, in this request, for every principal of it and everyone of its audience. The class is not
 * exported and its field is private, so this module alone can make one: what has not been through
 * `enforce` can't be handed to release.
 */
class Clearance {
  readonly #candidates: readonly Candidate[];
  readonly principal: Principal;
  readonly decisionId: string;
  readonly complete: boolean;
  /** Why it is not complete. */
  readonly shortfall: Shortfall | undefined;
  readonly certified: boolean;
  readonly watermark: string;
  /** How many documents were asked about; for the audit record only, for it tells of what may not be read. */
  readonly checked: number;
  /** The first of them and what was said, for the audit record too. */
  readonly asked: readonly Asked[];
  /** Why each document may be read, by its id, for each principal. */
  readonly reasons: ReadonlyMap<string, readonly Reason[]>;

  constructor(principal: Principal, candidates: readonly Candidate[], answer: Omit<Cleared, 'candidates'>) {
    this.#candidates = Object.freeze([...candidates]);
    this.principal = principal;
    this.decisionId = randomUUID();
    this.complete = answer.shortfall === undefined;
    this.shortfall = answer.shortfall;
    this.certified = answer.certified;
    this.watermark = answer.watermark;
    this.checked = answer.checked;
    this.asked = answer.asked;
    this.reasons = answer.reasons;
    Object.freeze(this);
  }

  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }
}

export type { Clearance };

type Cleared = Pick<
  Clearance,
  'candidates' | 'shortfall' | 'certified' | 'watermark' | 'checked' | 'asked' | 'reasons'
>;

/** A document that was asked about. Its verdict is the worst of all who must be able to read it. */
export type Asked = {
  readonly documentId: string;
  readonly version: number;
  readonly verdict: Verdict['kind'];
};

/** Of one principal. */
export type Reason = { readonly claim: TupleKey; readonly by: Grounds };

/** For release, which doesn't rely on types alone. */
export function isClearance(value: unknown): value is Clearance {
  return value instanceof Clearance;
}

/**
 * The one place where permissions are decided. Takes documents from the search, best first, until k are
 * allowed, none is left or the budget is spent. Throws `engine_unavailable` where a verdict that the
 * answer needs can't be had.
 */
export async function enforce(
  { engine, relationships, guarded, shortCuts }: Enforcement,
  principal: Principal,
  search: CandidateSearch,
  k: number,
  signal: AbortSignal,
  audience: Audience = [],
): Promise<Clearance> {
  const readers = readersFor(principal, audience);
  const watermark = search.watermark ?? (await relationships.watermark(principal.tenant));
  const judge = new Judge(engine, shortCuts, principal.tenant, signal);
  const taken: Judged[] = [];
  const asked: Asked[] = [];
  let checked = 0;
  let exhausted = false;

  for (
    let round = search.narrowed ? k : FIRST_ROUND;
    taken.length < k && !exhausted && checked < MAX_CHECKED_DOCUMENTS;
    round *= 4
  ) {
    const next = await search.next(Math.min(round, MAX_CHECKED_DOCUMENTS - checked));
    exhausted = next.exhausted;
    if (next.documents.length === 0) break;
    for await (const judged of judgedDocuments(judge, guarded, readers, next.documents)) {
      checked += judged.length;
      asked.push(...judged.slice(0, MAX_RECORDED_CANDIDATES - asked.length).map(askedOf));
      taken.push(...takeAllowed(judged, k - taken.length));
      if (taken.length === k) break;
    }
  }

  // Else what is absent would be told from what is forbidden by an engine that doesn't answer.
  if (checked === 0) await requireEngine(judge, guarded, principal);

  const allowed = taken.map(({ document }) => document);
  const found = allowed.length === 0 ? [] : await search.within(allowed, k);
  const cleared = new Set(allowed.map(versionKey));
  const candidates = found.filter((candidate) => cleared.has(versionKey(candidate)));
  const full = candidates.length >= k;
  const shortfall = someoneIsMissing(allowed, candidates, full)
    ? 'document_changed'
    : audience === 'too_many'
      ? 'audience_too_large'
      : full || exhausted
        ? undefined
        : 'budget_of_checks';
  return new Clearance(principal, candidates, {
    shortfall,
    certified: shortfall === undefined && search.exact(),
    watermark,
    checked,
    asked,
    reasons: new Map(taken.map((judged) => [judged.document.documentId, reasonsOf(judged)])),
  });
}

/** Throws as for a document that there is: asks about one that can't be. */
async function requireEngine(
  judge: Judge,
  guarded: Enforcement['guarded'],
  principal: Principal,
): Promise<void> {
  const absent = { documentId: randomUUID(), version: 0, score: 0 };
  for await (const judged of judgedDocuments(judge, guarded, readersOf(principal), [absent]))
    takeAllowed(judged, 1);
}

/** Whether a document was replaced after it was ranked: it should be among the candidates, by its score, and isn't. */
function someoneIsMissing(
  documents: readonly RankedDocument[],
  candidates: readonly Candidate[],
  full: boolean,
): boolean {
  const found = new Set(candidates.map(versionKey));
  const lowest = full ? (candidates.at(-1)?.score ?? 0) : Number.NEGATIVE_INFINITY;
  return documents.some((document) => document.score > lowest && !found.has(versionKey(document)));
}

type Judged = {
  readonly document: RankedDocument;
  /** One for each principal: the person and, where one asks, the agent. */
  readonly claims: readonly TupleKey[];
  readonly verdicts: readonly Verdict[];
};

/** Each document with its verdicts. Some at a time, in order. None where there is nobody to ask for. */
async function* judgedDocuments(
  judge: Judge,
  guarded: Enforcement['guarded'],
  users: readonly string[],
  documents: readonly RankedDocument[],
): AsyncGenerator<readonly Judged[]> {
  if (users.length === 0) return;
  for (const some of batches(documents, Math.max(1, Math.floor(JUDGED_AT_ONCE / users.length)))) {
    const claims = some.flatMap(({ documentId }) =>
      users.map((user) => ({ user, relation: guarded.relation, object: `${guarded.type}:${documentId}` })),
    );
    let [at, open] = [0, [] as readonly Verdict[]];
    for await (const verdicts of judge.on(claims)) {
      const known = [...open, ...verdicts];
      const count = Math.floor(known.length / users.length);
      open = known.slice(count * users.length);
      yield some.slice(at, at + count).map((document, i) => ({
        document,
        claims: claims.slice((at + i) * users.length, (at + i + 1) * users.length),
        verdicts: known.slice(i * users.length, (i + 1) * users.length),
      }));
      at += count;
    }
  }
}

/**
 * The first `wanted` documents that every principal may read: a document's verdict is the worst of its principals'. An
 * undetermined one before them is a failure.
 */
function takeAllowed(judged: readonly Judged[], wanted: number): readonly Judged[] {
  const taken: Judged[] = [];
  for (const each of judged) {
    const { verdicts } = each;
    if (taken.length === wanted) break;
    if (verdicts.some((verdict) => verdict.kind === 'denied')) continue;
    if (verdicts.length > 0 && verdicts.every((verdict) => verdict.kind === 'allowed')) {
      taken.push(each);
      continue;
    }
    throw new ClearanceError(
      'engine_unavailable',
      'The authorization engine gave no verdict that this answer needs, so nothing was released. Try again.',
      { cause: new Error(verdicts.map(shortReason).join(', ')) },
    );
  }
  return taken;
}

function askedOf({ document: { documentId, version }, verdicts }: Judged): Asked {
  const kinds = verdicts.map(({ kind }) => kind);
  const verdict = (['denied', 'undetermined'] as const).find((kind) => kinds.includes(kind)) ?? 'allowed';
  return { documentId, version, verdict };
}

function reasonsOf({ claims, verdicts }: Judged): readonly Reason[] {
  return claims.flatMap((claim, i) => {
    const verdict = verdicts[i];
    return verdict?.kind === 'allowed' ? [{ claim, by: verdict.by }] : [];
  });
}

/** For the log: what follows the engine's code may quote relationships. */
function shortReason(verdict: Verdict): string {
  return verdict.kind === 'undetermined' ? (verdict.reason.split(':')[0] ?? '') : verdict.kind;
}

function versionKey({ documentId, version }: RankedDocument): string {
  return `${version} ${documentId}`;
}
