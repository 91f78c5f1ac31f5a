import { randomUUID } from 'node:crypto';
import type { Engine, Relationships } from '../ports/engine.ts';
import type { Candidate, CandidateSearch, RankedDocument } from '../ports/search.ts';
import { type Principal, readersOf } from '../types/principal.ts';
import type { Shortfall } from '../types/retrieval.ts';
import { type AgentRules, agentUse, type Use } from './agent-access.ts';
import { type Audience, readersFor } from './audience.ts';
import { Judge, type ShortCutsOf } from './judge.ts';
import {
  type Asked,
  askedOf,
  firstAllowed,
  type Judged,
  judgedDocuments,
  type Reason,
  reasonsOf,
} from './judged.ts';

/** Documents that one request may ask the engine about. Beyond it the answer says `complete: false`. */
export const MAX_CHECKED_DOCUMENTS = 10_000;
/**
 * Documents in the first round where nothing says who may read them; where the permission index does, k are most often
 * enough. Each further round is four times as large, so that few readable ones cost few rounds.
 */
const FIRST_ROUND = 50;
/** Documents asked about that the audit record names, best first; of those beyond it only the number. */
export const MAX_RECORDED_CANDIDATES = 100;

export type Enforcement = {
  readonly engine: Engine;
  readonly relationships: Pick<Relationships, 'watermark'>;
  /** Absent: every claim is asked whole. */
  readonly shortCuts?: ShortCutsOf;
  /** What agents may use of what they may read. */
  readonly rules: AgentRules;
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
  /** What the answer would have held, had an agent not needed approval for it: the best k, for the audit record. */
  readonly withheld: readonly RankedDocument[];
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
    this.withheld = Object.freeze([...answer.withheld]);
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
  'candidates' | 'shortfall' | 'certified' | 'watermark' | 'checked' | 'withheld' | 'asked' | 'reasons'
>;

/** For release, which doesn't rely on types alone. */
export function isClearance(value: unknown): value is Clearance {
  return value instanceof Clearance;
}

/**
 * The one place where permissions are decided. Takes documents from the search, best first, until k are
 * allowed and may be used, none is left or the budget is spent. Throws `engine_unavailable` where a verdict that the
 * answer needs can't be had.
 */
export async function enforce(
  { engine, relationships, guarded, shortCuts, rules }: Enforcement,
  principal: Principal,
  search: CandidateSearch,
  k: number,
  signal: AbortSignal,
  audience: Audience = [],
): Promise<Clearance> {
  const readers = readersFor(principal, audience);
  const watermark = search.watermark ?? (await relationships.watermark(principal.tenant));
  const judge = new Judge(engine, shortCuts?.(principal.tenant), principal.tenant, signal);
  const useOf = await agentUse({ engine, rules, guarded }, principal, readers, signal);
  const by: Record<Use, Judged[]> = { alone: [], approval: [], never: [], replaced: [] };
  const taken = by.alone;
  const asked: Asked[] = [];
  let checked = 0;
  let exhausted = false;
  let ahead: LookedUp | undefined;

  for (
    let round = search.narrowed ? k : FIRST_ROUND;
    taken.length < k && !exhausted && checked < MAX_CHECKED_DOCUMENTS;
    round *= 4
  ) {
    const next = await search.next(Math.min(round, MAX_CHECKED_DOCUMENTS - checked));
    exhausted = next.exhausted;
    if (next.documents.length === 0) break;
    if (search.narrowed) ahead ??= lookUp(search, next.documents, k);
    for await (const judged of judgedDocuments(judge, guarded, readers, next.documents)) {
      checked += judged.length;
      asked.push(...judged.slice(0, MAX_RECORDED_CANDIDATES - asked.length).map(askedOf));
      for (let rest = judged; rest.length > 0 && taken.length < k; ) {
        const first = firstAllowed(rest, k - taken.length);
        const uses = await useOf(first.allowed.map(({ document }) => document));
        for (const [i, each] of first.allowed.entries()) by[uses[i] ?? 'never'].push(each);
        rest = first.rest;
      }
      if (taken.length === k) break;
    }
  }

  // Else what is absent would be told from what is forbidden by an engine that doesn't answer.
  if (checked === 0) await requireEngine(judge, guarded, principal);

  const allowed = documentsOf(taken);
  const cleared = new Set(allowed.map(versionKey));
  const found =
    allowed.length === 0 ? [] : await (isOf(ahead, cleared) ? ahead.candidates : search.within(allowed, k));
  const candidates = found.filter((candidate) => cleared.has(versionKey(candidate)));
  const full = candidates.length >= k;
  const belongs = belongsTo(candidates, full);
  const there = new Set(candidates.map(versionKey));
  const gone = [...allowed.filter((each) => !there.has(versionKey(each))), ...documentsOf(by.replaced)];
  const withheld = documentsOf(by.approval).filter(belongs).slice(0, k);
  const shortfall = gone.some(belongs)
    ? 'document_changed'
    : audience === 'too_many'
      ? 'audience_too_large'
      : withheld.length > 0
        ? 'approval_required'
        : full || exhausted
          ? undefined
          : 'budget_of_checks';
  return new Clearance(principal, candidates, {
    shortfall,
    certified: shortfall === undefined && search.exact(),
    watermark,
    checked,
    withheld,
    asked,
    reasons: new Map(taken.map((judged) => [judged.document.documentId, reasonsOf(judged)])),
  });
}

/** Passages of documents that are being asked about: ids and scores, no text. */
type LookedUp = {
  readonly documents: ReadonlySet<string>;
  readonly candidates: Promise<readonly Candidate[]>;
};

/** Where the permission index has narrowed the search all of them are most often allowed: then nobody has to wait for this. */
function lookUp(search: CandidateSearch, documents: readonly RankedDocument[], k: number): LookedUp {
  const candidates = search.within(documents, k);
  // It may not be needed.
  candidates.catch(() => {});
  return { documents: new Set(documents.map(versionKey)), candidates };
}

function isOf(ahead: LookedUp | undefined, cleared: ReadonlySet<string>): ahead is LookedUp {
  return (
    ahead !== undefined &&
    ahead.documents.size === cleared.size &&
    [...cleared].every((key) => ahead.documents.has(key))
  );
}

/** Throws as for a document that there is: asks about one that can't be. */
async function requireEngine(
  judge: Judge,
  guarded: Enforcement['guarded'],
  principal: Principal,
): Promise<void> {
  const absent = { documentId: randomUUID(), version: 0, score: 0 };
  for await (const judged of judgedDocuments(judge, guarded, readersOf(principal), [absent]))
    firstAllowed(judged, 1);
}

/** Whether a document would have a passage among these, by its score: where one was replaced after it was ranked, or is withheld. */
function belongsTo(candidates: readonly Candidate[], full: boolean): (document: RankedDocument) => boolean {
  const lowest = full ? (candidates.at(-1)?.score ?? 0) : Number.NEGATIVE_INFINITY;
  return ({ score }) => score > lowest;
}

function documentsOf(judged: readonly Judged[]): readonly RankedDocument[] {
  return judged.map(({ document }) => document);
}

function versionKey({ documentId, version }: RankedDocument): string {
  return `${version} ${documentId}`;
}
