import type { RankedDocument } from '../../../ports/search.ts';
import type { Database } from '../database.ts';
import type { Searched } from './searched.ts';

/** A chunk that was found, by its document's number. */
export type Found = { readonly document_no: number; readonly version: number; readonly score: number };

/**
 * The documents of those chunks that are of a published version, or were when they were found: of such a version a newer one is
 * published, and it is given, so that enforcement finds it gone and the answer says so. A staged version is newer than what is
 * published. The permission index knows most documents; where it knows of an older version, or of none, the chunk's is looked up.
 */
export async function publishedOf<Row extends Found>(
  database: Database,
  tenant: string,
  { published }: Searched,
  rows: readonly Row[],
): Promise<ReadonlyMap<Row, RankedDocument>> {
  const ids = rows.map(({ document_no, version }) => {
    const known = published(document_no);
    return known !== undefined && version <= known.version ? known.id : undefined;
  });
  const unknown = [...rows.keys()].filter((i) => ids[i] === undefined);
  const lookedUp =
    unknown.length === 0
      ? []
      : await lookUp(
          database,
          tenant,
          unknown.flatMap((i) => rows[i] ?? []),
        );
  for (const [at, i] of unknown.entries()) ids[i] = lookedUp[at];
  return new Map(
    rows.flatMap((row, i) => {
      const documentId = ids[i];
      const { version, score } = row;
      return documentId === undefined ? [] : [[row, { documentId, version, score }] as const];
    }),
  );
}

/** Each one's document's id, or undefined where its version is not published yet, or no version is. */
async function lookUp(
  database: Database,
  tenant: string,
  rows: readonly Found[],
): Promise<readonly (string | undefined)[]> {
  const { rows: found } = await database.prepared<{ id: string | null }>(
    `SELECT d.id FROM unnest($1::bigint[], $2::int[]) WITH ORDINALITY AS found (document_no, version, place)
     LEFT JOIN LATERAL (
       SELECT id FROM documents WHERE no = found.document_no AND published_version >= found.version
         AND tenant = $3 OFFSET 0) d ON true
     ORDER BY found.place`,
    [rows.map((row) => row.document_no), rows.map((row) => row.version), tenant],
  );
  return found.map(({ id }) => id ?? undefined);
}

/** Best first; of those that score alike, the ids decide. */
export function byScore(a: RankedDocument, b: RankedDocument): number {
  return b.score - a.score || (a.documentId < b.documentId ? -1 : 1);
}
