import pg from 'pg';
import { StartupError } from '../../types/errors.ts';
import type { Database, Queryable } from './database.ts';

/** The group of roles that services log in as. What it may do is what `serve` does, and no more. */
export const SERVICE_ROLE = 'clearance_service';

/** Whole tables unless columns are named. Text of a deleted chunk goes with it, by its foreign key. */
export const privileges: Readonly<Record<string, string>> = {
  schema_migrations: 'SELECT',
  embedding_space: 'SELECT',
  documents: 'SELECT, INSERT, UPDATE',
  versions: 'SELECT, INSERT, DELETE',
  chunks: 'SELECT, INSERT, DELETE',
  chunk_texts: 'SELECT, INSERT',
  collections: 'SELECT, INSERT, UPDATE',
  lexeme_frequencies: 'SELECT, INSERT, UPDATE',
  metadata_fields: 'SELECT, INSERT',
  relationship_versions: 'SELECT, INSERT, UPDATE',
  relationships: 'SELECT, INSERT, DELETE',
  relationship_changes: 'SELECT, INSERT',
  outbox: 'SELECT, INSERT, UPDATE, DELETE',
  sessions: 'SELECT, INSERT, DELETE',
  session_documents: 'SELECT, INSERT, UPDATE',
  revocations: 'SELECT, INSERT, UPDATE, DELETE',
  used_proofs: 'SELECT, INSERT, DELETE',
  agents: 'SELECT, INSERT, UPDATE, DELETE',
  sources: 'SELECT, INSERT, UPDATE, DELETE',
  // Not to be read either, but by `find_decision`: a service that is taken over tells nobody who has asked what.
  audit: 'INSERT',
  audit_unchained: '',
  // Signed, so nobody is believed who only may add one. Whose names the trail has is no secret from a service that reads all of them.
  audit_checkpoints: 'SELECT, INSERT',
  audit_names: 'SELECT, INSERT',
  search_tuning: 'SELECT',
  engine_server: 'SELECT',
  // Which store and which model is asked stays as `clearance migrate` has set it.
  engine_stores: 'SELECT, UPDATE (generation, confirmed, last_change, closed, repaired_at)',
};

/** Gives the group what it needs and takes away what it no longer does. */
export async function grantService(database: Database): Promise<void> {
  await database.transaction(async (tx) => {
    // Two that change the privileges of one table at the same time fail.
    await tx.query(`SELECT pg_advisory_xact_lock(hashtext('clearance grants'))`);
    await tx.query(`DO $$ BEGIN
      EXECUTE format('GRANT USAGE ON SCHEMA %I TO ${SERVICE_ROLE}', current_schema());
      EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM ${SERVICE_ROLE}', current_schema());
    END $$`);
    for (const [table, granted] of Object.entries(privileges)) {
      if (granted === '') continue;
      await tx.query(`GRANT ${granted} ON ${table} TO ${SERVICE_ROLE}`);
    }
    await tx.query(`GRANT EXECUTE ON FUNCTION find_decision, audit_tip TO ${SERVICE_ROLE}`);
  });
}

/** Roles belong to the whole server, so another database's `clearance migrate` may have made it. */
export async function createServiceRole(database: Queryable): Promise<void> {
  const { rowCount } = await database.query(`SELECT FROM pg_roles WHERE rolname = $1`, [SERVICE_ROLE]);
  if (rowCount === 1) return;
  try {
    await database.query(`CREATE ROLE ${SERVICE_ROLE} NOLOGIN`);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    // Made by another in between: as an object that is there, or as a key that is.
    if (error.code === '42710' || error.code === '23505') return;
    if (error.code !== '42501') throw error;
    throw new StartupError(
      `The role of DATABASE_MIGRATION_URL may not create roles. As a superuser: CREATE ROLE ${SERVICE_ROLE} NOLOGIN`,
      { cause: error },
    );
  }
}
