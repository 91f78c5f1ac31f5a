import type { PermissionIndex, Published } from '../../../ports/permission-index.ts';
import type { Question } from '../../../ports/search.ts';
import { DocumentSet } from '../../../types/document-set.ts';
import type { Filter } from '../../../types/filter.ts';
import type { Database } from '../database.ts';
import { filterSql } from './filter-sql.ts';
import type { SearchSql } from './question-sql.ts';

/** What is left to search once permissions and the filter are counted in. */
export type Searched = {
  readonly watermark: string;
  /** Whether the permission index has narrowed it. */
  readonly narrowed: boolean;
  /** What narrowed it, or why nothing did: a sentence. */
  readonly why: string;
  /** Undefined: every document of the tenant. */
  readonly documents: DocumentSet | undefined;
  /** Published chunks of these documents; undefined where that is every one of the tenant. */
  readonly chunks: number | undefined;
  /** Of which documents and published versions the permission index knows; of none where it can't say. */
  readonly published: Published;
};

/** Documents that a filter looks up one by one; among more it reads through the whole tenant. */
const MAX_LOOKED_UP = 20_000;

export async function searchedBy(
  database: Database,
  permissions: PermissionIndex,
  { tenant, readers, filter }: Question,
): Promise<Searched> {
  const scope = await permissions.scope(tenant, readers);
  const { watermark } = scope;
  const narrowed = scope.kind === 'documents';
  const documents = narrowed ? scope.documents : undefined;
  const published = narrowed ? scope.published : () => undefined;
  const why = narrowed ? 'The permission index listed what may be read.' : scope.why;
  if (filter === undefined || documents?.size === 0) {
    return { watermark, narrowed, why, documents, chunks: narrowed ? scope.chunks : undefined, published };
  }
  const matching = await matchingDocuments(database, tenant, filter, documents);
  return { watermark, narrowed, why: `${why} The filter left fewer.`, ...matching, published };
}

/** The documents, of those in the set, whose published version satisfies the filter. */
async function matchingDocuments(
  database: Database,
  tenant: string,
  filter: Filter,
  among: DocumentSet | undefined,
): Promise<{ readonly documents: DocumentSet; readonly chunks: number }> {
  const values: unknown[] = [];
  const bind = (value: unknown) => `$${values.push(value)}`;
  const few = among !== undefined && among.size <= MAX_LOOKED_UP;
  const where = `v.version = d.published_version AND d.tenant = ${bind(tenant)} AND ${filterSql(filter, bind)}`;
  const { rows } = await database.query<{ numbers: Buffer | null; chunks: number }>(
    few
      ? `SELECT string_agg(int8send(f.no), ''::bytea) AS numbers, coalesce(sum(f.chunks), 0) AS chunks
         FROM unnest(${bind(among.numbers())}::bigint[]) r (no) CROSS JOIN LATERAL (
           SELECT d.no, d.chunks FROM documents d JOIN versions v ON v.document_no = d.no
           WHERE d.no = r.no AND ${where} OFFSET 0) f`
      : `SELECT string_agg(int8send(d.no), ''::bytea) AS numbers, coalesce(sum(d.chunks), 0) AS chunks
         FROM documents d JOIN versions v ON v.document_no = d.no
         WHERE ${among === undefined ? 'true' : inSet(among, 'd.no', bind)} AND ${where}`,
    values,
  );
  const [found] = rows;
  return { documents: DocumentSet.of(readNumbers(found?.numbers ?? null)), chunks: found?.chunks ?? 0 };
}

/** Document numbers as `int8send` writes them: in text they would be three times as slow to read. */
function readNumbers(bytes: Buffer | null): readonly number[] {
  if (bytes === null) return [];
  return Array.from({ length: bytes.length / 8 }, (_, i) => Number(bytes.readBigInt64BE(i * 8)));
}

/** SQL: whether a row's document is in the set. `get_bit` throws beyond the bitmap, which holds no later document. */
export function inSet(set: DocumentSet, column: string, bind: SearchSql['bind']): string {
  const first = `${bind(set.first)}::bigint`;
  return `CASE WHEN ${column} BETWEEN ${first} AND ${bind(set.last)}::bigint
    THEN get_bit(${bind(Buffer.from(set.bits))}::bytea, ${column} - ${first}) = 1 ELSE false END`;
}

/** SQL on a row of `chunks c` before any join: whether it is of a searched document, published or not. */
export function isSearched({ documents }: Searched, tenant: string, bind: SearchSql['bind']): string {
  return documents === undefined ? `c.tenant = ${bind(tenant)}` : inSet(documents, 'c.document_no', bind);
}
