import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { grantService, privileges } from '../../src/adapters/postgres/grants.ts';
import { requireReadyDatabase } from '../../src/adapters/postgres/ready.ts';
import { openServer } from '../../src/adapters/postgres/server.ts';
import { setUpServer } from '../../src/adapters/postgres/set-up.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import { type FreshDatabase, freshDatabase, realParts } from '../support/real-parts.ts';

const production = { production: true };

describe.skipIf(realParts() === undefined)('on a Postgres server', () => {
  let fresh: FreshDatabase;
  let owner: Database;
  let service: Database;
  beforeAll(async () => {
    fresh = await freshDatabase();
    await setUpServer(fresh.ownerUrl, await staticEmbeddings());
    owner = openServer(fresh.ownerUrl, { poolSize: 2 });
    service = openServer(fresh.serviceUrl, { poolSize: 2 });
  });
  afterAll(async () => {
    await owner?.close();
    await service?.close();
    await fresh?.close();
  });

  describe('the service', () => {
    it('is granted something, on purpose, on every table', async () => {
      const { rows } = await owner.query<{ tablename: string }>(
        `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`,
      );
      expect(Object.keys(privileges).toSorted()).toEqual(rows.map(({ tablename }) => tablename).toSorted());
    });

    it.each([
      `UPDATE audit SET tenant = 'other'`,
      `DELETE FROM audit`,
      `TRUNCATE audit`,
      `SELECT record FROM audit`,
      `DROP TABLE audit`,
      `UPDATE audit_checkpoints SET number = 0`,
      `DELETE FROM audit_checkpoints`,
      `UPDATE audit_names SET name = 'other'`,
      `DELETE FROM audit_names`,
      `SELECT FROM audit_unchained`,
      `CREATE TABLE mine (a int)`,
      `ALTER TABLE documents ADD COLUMN a int`,
      `DROP INDEX chunks_document`,
      `UPDATE engine_stores SET store_id = 'other'`,
      `UPDATE engine_server SET bookkeeping_store_id = 'other'`,
      `INSERT INTO engine_stores (tenant, store_id, model_id, model_hash) VALUES ('t', 's', 'm', 'h')`,
      `UPDATE embedding_space SET model = 'other'`,
      `UPDATE chunk_texts SET text = 'other'`,
      `UPDATE relationship_changes SET written = true`,
      `DELETE FROM schema_migrations`,
    ])('may not: %s', async (statement) => {
      await expect(service.query(statement)).rejects.toMatchObject({ code: '42501' });
    });

    it('is what production asks for, and neither the owner nor a superuser is', async () => {
      await expect(requireReadyDatabase(service, production)).resolves.toBeUndefined();
      await expect(requireReadyDatabase(owner, production)).rejects.toThrow('owns tables');
      await expect(requireReadyDatabase(owner, { production: false })).resolves.toBeUndefined();
    });

    it.each(['UPDATE', 'DELETE', 'TRUNCATE', 'UPDATE (record)'])(
      'is not with %s on the audit trail',
      async (more) => {
        await owner.query(`GRANT ${more} ON audit TO clearance_service`);
        await expect(requireReadyDatabase(service, production)).rejects.toThrow('audit trail');
        // What `clearance migrate` puts right.
        await grantService(owner);
        await expect(requireReadyDatabase(service, production)).resolves.toBeUndefined();
      },
    );

    it('is not where the group has no privileges', async () => {
      await owner.query(`REVOKE ALL ON ALL TABLES IN SCHEMA public FROM clearance_service`);
      await expect(requireReadyDatabase(service, production)).rejects.toThrow('GRANT clearance_service TO');
      await grantService(owner);
    });
  });

  describe('a start', () => {
    const start = (database: Database) => requireReadyDatabase(database, production);

    it('is refused with an older schema, and with a newer one', async () => {
      const { rows } = await owner.query<{ name: string; run_on: Date }>(
        `DELETE FROM schema_migrations WHERE id = (SELECT max(id) FROM schema_migrations) RETURNING name, run_on`,
      );
      await expect(start(service)).rejects.toThrow(/older than this program: run "clearance migrate" \(0/);
      const insert = `INSERT INTO schema_migrations (name, run_on) VALUES ($1, now())`;
      for (const { name } of rows) await owner.query(insert, [name]);
      await owner.query(insert, ['9999_later']);
      await expect(start(service)).rejects.toThrow('program is older than the schema, which has 9999_later');
      await owner.query(`DELETE FROM schema_migrations WHERE name = '9999_later'`);
      await expect(start(service)).resolves.toBeUndefined();
    });

    it('is refused without a schema, without pgvector, without UTF-8, without a server', async () => {
      const empty = await freshDatabase();
      const database = openServer(empty.serviceUrl, { poolSize: 1 });
      const superuser = openServer(empty.url, { poolSize: 1 });
      try {
        await expect(start(database)).rejects.toThrow('no schema yet: run "clearance migrate"');
        await superuser.query('DROP EXTENSION vector');
        await expect(start(database)).rejects.toThrow('CREATE EXTENSION vector');
        await expect(setUpServer(empty.ownerUrl, await staticEmbeddings())).rejects.toThrow(
          'CREATE EXTENSION vector',
        );
        await superuser.query(
          `CREATE DATABASE ${nameOf(empty)}_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`,
        );
        const ascii = openServer(
          Object.assign(new URL(empty.url), { pathname: `${nameOf(empty)}_ascii` }).href,
        );
        await expect(start(ascii)).rejects.toThrow("ENCODING 'UTF8'");
        await ascii.close();
      } finally {
        await superuser.query(`DROP DATABASE IF EXISTS ${nameOf(empty)}_ascii WITH (FORCE)`);
        await superuser.close();
        await database.close();
        await empty.close();
      }
      const nowhere = openServer('postgres://anne:secret@localhost:1/none');
      await expect(start(nowhere)).rejects.toThrow(/can not be reached: .*ECONNREFUSED/);
      await expect(
        setUpServer('postgres://anne:secret@localhost:1/none', await staticEmbeddings()),
      ).rejects.toThrow('can not be reached');
      await nowhere.close();
    });
  });

  it('several `clearance migrate` at a time make one schema', async () => {
    const other = await freshDatabase();
    try {
      const embeddings = await staticEmbeddings();
      await Promise.all(Array.from({ length: 3 }, () => setUpServer(other.ownerUrl, embeddings)));
      const database = openServer(other.serviceUrl, { poolSize: 1 });
      await expect(requireReadyDatabase(database, production)).resolves.toBeUndefined();
      await database.close();
    } finally {
      await other.close();
    }
  });
});

const nameOf = ({ url }: FreshDatabase): string => new URL(url).pathname.slice(1);
