import type { Documents, OutboxStep, OwnRelationship } from '../../ports/documents.ts';
import { ClearanceError } from '../../types/errors.ts';
import type { Database, Queryable } from './database.ts';

/** Longer than one change of a step takes: the lease is renewed before each of the engine's, and those have 5 s. */
const LEASE_SECONDS = 30;

type Row = {
  id: number;
  tenant: string;
  document_id: string;
  document_no: number;
  step: OutboxStep['step'];
  attempts: number;
  version: number | null;
  relationships: OwnRelationship[] | null;
};

type Outbox = Pick<
  Documents,
  'lease' | 'renew' | 'due' | 'postpone' | 'pending' | 'hide' | 'publish' | 'remove' | 'done'
>;

export function postgresOutbox(database: Database): Outbox {
  return {
    async lease(no) {
      const { rows } = await database.query<Row>(
        // The oldest or none: with ORDER BY and LIMIT, a locked head would be passed over for the next.
        `WITH head AS (
           SELECT id FROM outbox WHERE id = (SELECT min(id) FROM outbox WHERE document_no = $1) FOR UPDATE SKIP LOCKED)
         UPDATE outbox o SET leased_until = now() + make_interval(secs => $2), attempts = attempts + 1
         FROM head, documents d
         WHERE o.id = head.id AND d.no = o.document_no AND (o.leased_until IS NULL OR o.leased_until < now())
         RETURNING o.id, d.tenant, d.id AS document_id, o.document_no, o.step, o.attempts, o.version, o.relationships`,
        [no, LEASE_SECONDS],
      );
      if (rows[0] !== undefined) return toStep(rows[0]);
      const waiting = await database.query(`SELECT FROM outbox WHERE document_no = $1 LIMIT 1`, [no]);
      return waiting.rowCount === 0 ? undefined : 'busy';
    },

    async renew(step) {
      const { rowCount } = await database.query(
        `UPDATE outbox SET leased_until = now() + make_interval(secs => $3) WHERE id = $1 AND attempts = $2`,
        [step.id, step.attempt, LEASE_SECONDS],
      );
      if (rowCount !== 1) throw leaseLost(step);
    },

    async due(limit) {
      const { rows } = await database.query<{ document_no: number }>(
        // A document's steps wait for its oldest.
        `SELECT document_no FROM outbox o
         WHERE id = (SELECT min(id) FROM outbox WHERE document_no = o.document_no)
           AND due_at <= now() AND (leased_until IS NULL OR leased_until < now())
         ORDER BY id LIMIT $1`,
        [limit],
      );
      return rows.map((row) => row.document_no);
    },

    async postpone(step, seconds) {
      await database.query(
        `UPDATE outbox SET leased_until = NULL, due_at = now() + make_interval(secs => $3)
         WHERE id = $1 AND attempts = $2`,
        [step.id, step.attempt, seconds],
      );
    },

    async pending() {
      const { rows } = await database.query<{ steps: number; seconds: number }>(
        `SELECT count(*) AS steps, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS seconds FROM outbox`,
      );
      return { steps: rows[0]?.steps ?? 0, oldestSeconds: rows[0]?.seconds ?? 0 };
    },

    async hide(step) {
      await database.transaction(async (tx) => {
        await lockDocument(tx, step);
        const { rowCount } = await tx.query(`SELECT FROM outbox WHERE id = $1 AND attempts = $2`, [
          step.id,
          step.attempt,
        ]);
        if (rowCount === 0) throw leaseLost(step);
        await hideDocuments(tx, [step.documentNo]);
      });
    },

    async publish(step) {
      await database.transaction(async (tx) => {
        await lockDocument(tx, step);
        await finish(tx, step);
        await adjustStatistics(tx, [step.documentNo], -1);
        await tx.query(
          `UPDATE documents SET published_version = $2
           WHERE no = $1 AND NOT EXISTS (SELECT FROM outbox WHERE document_no = $1 AND step = 'delete')`,
          [step.documentNo, step.version],
        );
        await adjustStatistics(tx, [step.documentNo], 1);
        await tx.query(
          `INSERT INTO metadata_fields (tenant, name)
           SELECT $1, jsonb_object_keys(metadata) FROM versions WHERE document_no = $2 AND version = $3
           ON CONFLICT DO NOTHING`,
          [step.tenant, step.documentNo, step.version],
        );
        await tx.query(`DELETE FROM chunks WHERE document_no = $1 AND version < $2`, [
          step.documentNo,
          step.version,
        ]);
        await tx.query(`DELETE FROM versions WHERE document_no = $1 AND version < $2`, [
          step.documentNo,
          step.version,
        ]);
        await noteChanged(tx, [step.documentNo]);
      });
    },

    async remove(step) {
      await database.transaction(async (tx) => {
        await lockDocument(tx, step);
        await finish(tx, step);
        // A newer version may already be staged behind this step: it stays.
        const upTo = `(SELECT coalesce(min(version), 2147483647) FROM outbox WHERE document_no = $1)`;
        await tx.query(`DELETE FROM chunks WHERE document_no = $1 AND version < ${upTo}`, [step.documentNo]);
        await tx.query(`DELETE FROM versions WHERE document_no = $1 AND version < ${upTo}`, [
          step.documentNo,
        ]);
        await tx.query(
          `UPDATE documents SET source = NULL WHERE no = $1 AND NOT EXISTS (SELECT FROM outbox WHERE document_no = $1)`,
          [step.documentNo],
        );
      });
    },

    done: (step) => finish(database, step),
  };
}

/** Takes documents, whose rows are locked, out of search. Their text and chunks stay. */
export async function hideDocuments(tx: Queryable, nos: readonly number[]): Promise<void> {
  await adjustStatistics(tx, nos, -1);
  await tx.query(`UPDATE documents SET published_version = NULL WHERE no = ANY($1::bigint[])`, [nos]);
  await noteChanged(tx, nos);
}

/** For the permission index. The last statement of its transaction: until that ends, nobody else can raise the version. */
async function noteChanged(tx: Queryable, nos: readonly number[]): Promise<void> {
  await tx.query(
    `WITH raised AS (
       INSERT INTO relationship_versions AS v (tenant, version)
       SELECT DISTINCT tenant, 1 FROM documents WHERE no = ANY($1::bigint[])
       ON CONFLICT (tenant) DO UPDATE SET version = v.version + 1 RETURNING tenant, version)
     UPDATE documents d SET changed = raised.version, chunks = (
       SELECT count(*) FROM chunks c WHERE c.document_no = d.no AND c.version = d.published_version)
     FROM raised WHERE d.tenant = raised.tenant AND d.no = ANY($1::bigint[])`,
    [nos],
  );
}

/** Adds the published chunks of documents to their tenant's statistics, or takes them out. */
async function adjustStatistics(tx: Queryable, nos: readonly number[], sign: 1 | -1): Promise<void> {
  const published = `FROM documents d JOIN chunks c ON c.document_no = d.no AND c.version = d.published_version`;
  await tx.query(
    `INSERT INTO collections (tenant, chunks)
     SELECT d.tenant, $2::int * count(*) ${published} WHERE d.no = ANY($1::bigint[]) GROUP BY d.tenant
     ON CONFLICT (tenant) DO UPDATE SET chunks = collections.chunks + excluded.chunks`,
    [nos, sign],
  );
  // In the order of the key, so that two transactions never wait for each other in a circle.
  await tx.query(
    `INSERT INTO lexeme_frequencies (tenant, dimension, chunks)
     SELECT d.tenant, lexeme_dimension(l.lexeme) AS dimension, $2::int * count(*) ${published}, unnest(c.lexemes) l
     WHERE d.no = ANY($1::bigint[]) GROUP BY 1, 2 ORDER BY 1, 2
     ON CONFLICT (tenant, dimension) DO UPDATE SET chunks = lexeme_frequencies.chunks + excluded.chunks`,
    [nos, sign],
  );
}

/** The first statement of every change to a document, so that two never wait for each other in a circle. */
async function lockDocument(tx: Queryable, { documentNo }: OutboxStep): Promise<void> {
  await tx.query(`SELECT FROM documents WHERE no = $1 FOR UPDATE`, [documentNo]);
}

/** Fails where the step has been leased to another holder since, or finished by one. */
async function finish(tx: Queryable, step: OutboxStep): Promise<void> {
  const { rowCount } = await tx.query(`DELETE FROM outbox WHERE id = $1 AND attempts = $2`, [
    step.id,
    step.attempt,
  ]);
  if (rowCount !== 1) throw leaseLost(step);
}

function leaseLost({ id }: OutboxStep): ClearanceError {
  return new ClearanceError(
    'store_unavailable',
    `The lease of outbox step ${id} has run out, and another holder has it or has finished it.`,
  );
}

function toStep(row: Row): OutboxStep {
  return {
    id: row.id,
    tenant: row.tenant,
    documentId: row.document_id,
    documentNo: row.document_no,
    step: row.step,
    attempt: row.attempts,
    ...(row.version === null ? {} : { version: row.version }),
    ...(row.relationships === null ? {} : { relationships: row.relationships }),
  };
}
