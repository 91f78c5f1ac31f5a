import type { DocumentRow, Documents, OwnedDocument, StagedDocument } from '../../ports/documents.ts';
import { ClearanceError } from '../../types/errors.ts';
import type { Database, Queryable } from './database.ts';
import { hideDocuments, postgresOutbox } from './outbox.ts';
import { forStemmer } from './search/bm25.ts';
import { vectorLiteral } from './vector.ts';

type Row = {
  no: number;
  source: string | null;
  published_version: number | null;
  version: number;
  hash: Buffer | null;
  chunks: number;
};

const selectRow = `SELECT d.no, d.source, d.published_version, d.version, v.text_hash AS hash,
    (SELECT count(*)::int FROM chunks c WHERE c.document_no = d.no AND c.version = d.version) AS chunks
  FROM documents d LEFT JOIN versions v ON v.document_no = d.no AND v.version = d.version
  WHERE d.tenant = $1 AND d.id = $2`;

export function postgresDocuments(database: Database): Documents {
  async function find(tenant: string, id: string): Promise<DocumentRow | undefined> {
    const { rows } = await database.query<Row>(selectRow, [tenant, id]);
    return rows[0] && toDocumentRow(rows[0]);
  }

  return {
    find,

    async claim(tenant, id, source) {
      await database.query(
        `INSERT INTO documents (tenant, id, source) VALUES ($1, $2, $3)
         ON CONFLICT (tenant, id) DO UPDATE SET source = excluded.source WHERE documents.source IS NULL`,
        [tenant, id, source],
      );
      const row = await find(tenant, id);
      // Given back to nobody between the two statements: by a deletion that has just ended.
      if (row?.source === undefined) throw changedMeanwhile();
      return { ...row, source: row.source };
    },

    async embeddingsOf(tenant, hashes) {
      const { rows } = await database.query<{ hash: Buffer; embedding: string }>(
        `SELECT DISTINCT ON (text_hash) text_hash AS hash, embedding::text FROM chunks
         WHERE tenant = $1 AND text_hash = ANY($2::bytea[])`,
        [tenant, hashes],
      );
      return new Map(rows.map((row) => [row.hash.toString('hex'), parseVector(row.embedding)]));
    },

    async stage(tenant, owned, document, relationships) {
      return database.transaction(async (tx) => {
        await lockOwned(tx, owned);
        const version = await insertVersion(tx, owned.no, document);
        await insertChunks(tx, tenant, owned.no, version, document);
        await insertPublish(tx, owned.no, version, relationships);
        return version;
      });
    },

    async enqueueNarrow(owned, relationships) {
      await database.transaction(async (tx) => {
        await lockOwned(tx, owned);
        await tx.query(`INSERT INTO outbox (document_no, step, relationships) VALUES ($1, 'narrow', $2)`, [
          owned.no,
          JSON.stringify(relationships),
        ]);
      });
    },

    async enqueuePublish(owned, version, relationships) {
      await database.transaction(async (tx) => {
        await lockOwned(tx, owned);
        const { rowCount } = await tx.query(
          `SELECT FROM documents d JOIN versions v ON v.document_no = d.no AND v.version = d.version
           WHERE d.no = $1 AND d.version = $2`,
          [owned.no, version],
        );
        if (rowCount === 0) throw changedMeanwhile();
        await insertPublish(tx, owned.no, version, relationships);
      });
    },

    async enqueueDelete(owned) {
      await database.transaction(async (tx) => {
        await lockOwned(tx, owned);
        // What was still to be done to it is void; a step that someone is at finishes first, and publishes nothing.
        await tx.query(
          `DELETE FROM outbox WHERE document_no = $1 AND (leased_until IS NULL OR leased_until < now())`,
          [owned.no],
        );
        await tx.query(`INSERT INTO outbox (document_no, step) VALUES ($1, 'delete')`, [owned.no]);
        await hideDocuments(tx, [owned.no]);
      });
    },

    ...postgresOutbox(database),
  };
}

/** The first statement of every change to a document, so that two never wait for each other in a circle. */
async function lockOwned(tx: Queryable, { no, source }: OwnedDocument): Promise<void> {
  const { rowCount } = await tx.query(`SELECT FROM documents WHERE no = $1 AND source = $2 FOR UPDATE`, [
    no,
    source,
  ]);
  if (rowCount === 0) throw changedMeanwhile();
}

async function insertVersion(tx: Queryable, no: number, document: StagedDocument): Promise<number> {
  const { rows } = await tx.query<{ version: number }>(
    `WITH next AS (UPDATE documents SET version = version + 1 WHERE no = $1 RETURNING version)
     INSERT INTO versions (document_no, version, title, metadata, source_url, text_hash)
     SELECT $1, version, $2, $3, $4, $5 FROM next RETURNING version`,
    [no, document.title, JSON.stringify(document.metadata), document.sourceUrl ?? null, document.hash],
  );
  const version = rows[0]?.version;
  if (version === undefined) throw new Error(`the row of document ${no} is gone`);
  return version;
}

/** So many that the longest document's statements stay far below a statement's time limit. */
const CHUNKS_A_STATEMENT = 250;

/** The title counts as part of every passage, for both signals. */
async function insertChunks(
  tx: Queryable,
  tenant: string,
  no: number,
  version: number,
  { title, chunks }: StagedDocument,
): Promise<void> {
  for (let from = 0; from < chunks.length; from += CHUNKS_A_STATEMENT) {
    const some = chunks.slice(from, from + CHUNKS_A_STATEMENT);
    await tx.query(
      `WITH incoming AS MATERIALIZED (
         SELECT $8::int + ordinal AS ordinal, text, hash, embedding,
           to_tsvector('english', coalesce(stemmed, $7::text || E'\\n' || text)) AS lexemes
         FROM unnest($4::text[], $5::bytea[], $6::text[], $9::text[]) WITH ORDINALITY
           AS u (text, hash, embedding, stemmed, ordinal)
       ), inserted AS (
         INSERT INTO chunks (tenant, document_no, version, ordinal, text_hash, lexemes, weights, embedding)
         SELECT $1, $2, $3, ordinal, hash, lexemes, bm25_weights(lexemes), embedding::vector FROM incoming
         RETURNING id, ordinal
       )
       INSERT INTO chunk_texts (chunk_id, text) SELECT i.id, n.text FROM inserted i JOIN incoming n USING (ordinal)`,
      [
        tenant,
        no,
        version,
        some.map((chunk) => chunk.text),
        some.map((chunk) => chunk.hash),
        some.map((chunk) => vectorLiteral(chunk.embedding)),
        title,
        from,
        some.map((chunk) => changedForStemmer(`${title}\n${chunk.text}`)),
      ],
    );
  }
}

/** Null for the most, which need not be sent twice. */
function changedForStemmer(text: string): string | null {
  const stemmed = forStemmer(text);
  return stemmed === text ? null : stemmed;
}

async function insertPublish(
  tx: Queryable,
  no: number,
  version: number,
  relationships: readonly unknown[] | undefined,
): Promise<void> {
  await tx.query(
    `INSERT INTO outbox (document_no, step, version, relationships) VALUES ($1, 'publish', $2, $3)`,
    [no, version, relationships === undefined ? null : JSON.stringify(relationships)],
  );
}

/** By the outbox's worker or another copy of the service, since the row was read. */
function changedMeanwhile(): ClearanceError {
  return new ClearanceError(
    'store_unavailable',
    'The document was deleted or replaced meanwhile. Try again.',
  );
}

function toDocumentRow(row: Row): DocumentRow {
  return {
    no: row.no,
    version: row.version,
    chunks: row.chunks,
    ...(row.source === null ? {} : { source: row.source }),
    ...(row.published_version === null ? {} : { publishedVersion: row.published_version }),
    ...(row.hash === null ? {} : { hash: row.hash }),
  };
}

function parseVector(literal: string): Float32Array {
  return Float32Array.from(literal.slice(1, -1).split(','), Number);
}
