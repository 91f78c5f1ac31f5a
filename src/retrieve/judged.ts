import type { RankedDocument } from '../ports/search.ts';
import { batches } from '../types/batches.ts';
import { ClearanceError } from '../types/errors.ts';
import type { TupleKey } from '../types/tuple.ts';
import type { Grounds, Verdict } from '../types/verdict.ts';
import type { Judge } from './judge.ts';

/** Claims. */
const JUDGED_AT_ONCE = 50;

/** Of one principal. */
export type Reason = { readonly claim: TupleKey; readonly by: Grounds };

export type Judged = {
  readonly document: RankedDocument;
  /** One for each principal: the person and, where one asks, the agent. */
  readonly claims: readonly TupleKey[];
  readonly verdicts: readonly Verdict[];
};

/** Each document with its verdicts. Some at a time, in order. None where there is nobody to ask for. */
export async function* judgedDocuments(
  judge: Judge,
  guarded: { readonly type: string; readonly relation: string },
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
 * The first `wanted` documents that every principal may read, and what comes after them: a document's verdict is the worst of
 * its principals'. An undetermined one before them is a failure.
 */
export function firstAllowed(
  judged: readonly Judged[],
  wanted: number,
): { readonly allowed: readonly Judged[]; readonly rest: readonly Judged[] } {
  const allowed: Judged[] = [];
  for (const [i, each] of judged.entries()) {
    const { verdicts } = each;
    if (allowed.length === wanted) return { allowed, rest: judged.slice(i) };
    if (verdicts.some((verdict) => verdict.kind === 'denied')) continue;
    if (verdicts.length === 0 || !verdicts.every((verdict) => verdict.kind === 'allowed')) {
      throw noVerdict(verdicts.map(shortReason).join(', '));
    }
    allowed.push(each);
  }
  return { allowed, rest: [] };
}

export function noVerdict(reason: string): ClearanceError {
  return new ClearanceError(
    'engine_unavailable',
    'The authorization engine gave no verdict that this answer needs, so nothing was released. Try again.',
    { cause: new Error(reason) },
  );
}

export function reasonsOf({ claims, verdicts }: Judged): readonly Reason[] {
  return claims.flatMap((claim, i) => {
    const verdict = verdicts[i];
    return verdict?.kind === 'allowed' ? [{ claim, by: verdict.by }] : [];
  });
}

/** A document that was asked about. Its verdict is the worst of all who must be able to read it. */
export type Asked = {
  readonly documentId: string;
  readonly version: number;
  readonly verdict: Verdict['kind'];
};

export function askedOf({ document: { documentId, version }, verdicts }: Judged): Asked {
  const kinds = verdicts.map(({ kind }) => kind);
  const verdict = (['denied', 'undetermined'] as const).find((kind) => kinds.includes(kind)) ?? 'allowed';
  return { documentId, version, verdict };
}

/** For the log: what follows the engine's code may quote relationships. */
function shortReason(verdict: Verdict): string {
  return verdict.kind === 'undetermined' ? (verdict.reason.split(':')[0] ?? '') : verdict.kind;
}
