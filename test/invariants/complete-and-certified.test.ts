import { describe, expect, it } from 'vitest';
import { readClaims } from '../../src/adapters/jwt/claims.ts';
import { onlyIssuer } from '../../src/adapters/jwt/trusted-issuer.ts';
import type { Candidate, CandidateSearch, RankedDocument } from '../../src/ports/search.ts';
import { enforce } from '../../src/retrieve/enforce.ts';
import type { Principal } from '../../src/types/principal.ts';

const { principal }: { principal: Principal } = readClaims(
  { sub: 'anne', scope: 'retrieve', exp: 2_000_000_000 },
  onlyIssuer('test', 'any'),
  'hash',
);
const ranked = (documentId: string, score: number): RankedDocument => ({ documentId, version: 1, score });
const chunk = (documentId: string, chunkId: string, score: number): Candidate => ({
  ...ranked(documentId, score),
  chunkId,
});

const allowsAll = {
  engine: {
    batchCheck: async ({ checks }: { checks: readonly { correlationId: string }[] }) =>
      checks.map(({ correlationId }) => ({ correlationId, allowed: true })),
  },
  relationships: { watermark: async () => '1' },
  guarded: { type: 'document', relation: 'can_read' },
};

/** A walk in steps of three, of which `gone` are replaced before their passages are looked up. */
function searchOver(chunks: readonly Candidate[], gone: readonly string[]): CandidateSearch {
  const best = new Map<string, RankedDocument>();
  for (const { documentId, score } of chunks) {
    if ((best.get(documentId)?.score ?? -1) < score) best.set(documentId, ranked(documentId, score));
  }
  const documents = [...best.values()].toSorted((a, b) => b.score - a.score);
  let given = 0;
  return {
    exact: () => true,
    narrowed: false,
    route: () => ({ name: 'scan', why: 'A test.' }),
    async next() {
      const some = documents.slice(given, given + 3);
      given += some.length;
      return { documents: some, exhausted: given === documents.length };
    },
    within: async (asked, k) =>
      chunks
        .filter(({ documentId }) => asked.some((document) => document.documentId === documentId))
        .filter(({ documentId }) => !gone.includes(documentId))
        .toSorted((a, b) => b.score - a.score)
        .slice(0, k),
  };
}

const chunks = [
  chunk('a', 'a0', 0.9),
  chunk('b', 'b0', 0.8),
  chunk('c', 'c0', 0.7),
  chunk('d', 'd0', 0.6),
  chunk('b', 'b1', 0.1),
];
const ask = (gone: readonly string[], k: number) =>
  enforce(allowsAll, principal, searchOver(chunks, gone), k, AbortSignal.timeout(5_000));

describe('complete and certified', () => {
  it('hold where nothing changes', async () => {
    expect(await ask([], 3)).toMatchObject({ complete: true, certified: true });
    expect(await ask([], 10)).toMatchObject({ complete: true, certified: true });
  });

  it('do not where a ranked document is replaced and worse passages fill its place', async () => {
    const { candidates, complete, certified } = await ask(['a'], 3);
    expect(candidates.map(({ chunkId }) => chunkId)).toEqual(['b0', 'c0', 'b1']);
    expect([complete, certified]).toEqual([false, false]);
  });

  it('do not where a ranked document is replaced and too few passages are left', async () => {
    expect(await ask(['d'], 10)).toMatchObject({ complete: false, certified: false });
  });
});
