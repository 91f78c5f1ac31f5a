import type { Database } from '../../src/adapters/postgres/database.ts';
import { type Tuning, usualTuning } from '../../src/adapters/postgres/search/choose-route.ts';
import type { PermissionIndex, Scope } from '../../src/ports/permission-index.ts';
import type { DocumentState } from '../../src/ports/tuple-log.ts';
import { DocumentSet } from '../../src/types/document-set.ts';

/** Says of everyone that it can't say. */
export const everywhere: PermissionIndex = {
  scope: () => Promise.resolve({ watermark: '1', kind: 'everywhere', why: 'There is no telling.' }),
};

/** Says of everyone that these are what they may read. */
export async function only(database: Database, numbers: readonly number[]): Promise<PermissionIndex> {
  const { rows } = await database.query<DocumentState & { tenant: string }>(
    `SELECT tenant, no AS number, id, published_version AS version, chunks FROM documents WHERE no = ANY($1::bigint[])`,
    [numbers],
  );
  const byNumber = new Map(rows.map((row) => [row.number, row]));
  const scope = (tenant: string): Scope => ({
    watermark: '1',
    kind: 'documents',
    documents: DocumentSet.of(numbers),
    chunks: rows.reduce((sum, { chunks }) => sum + chunks, 0),
    published(number) {
      const known = byNumber.get(number);
      return known?.tenant === tenant && known.version !== null
        ? { id: known.id, version: known.version }
        : undefined;
    },
  });
  return { scope: (tenant) => Promise.resolve(scope(tenant)) };
}

const free = 1e-6;
const dear = 1e6;
const { least, forEachRank } = usualTuning(256);
const lists = { least, forEachRank };

/** Costs under which each route is taken wherever it can be. */
export const forced: Record<'listed' | 'scan' | 'approximate', Tuning> = {
  listed: { ...lists, listed: free, scanned: dear, scored: dear, visited: dear },
  scan: { ...lists, listed: dear, scanned: free, scored: free, visited: dear },
  approximate: { ...lists, listed: dear, scanned: dear, scored: dear, visited: 1 },
};
