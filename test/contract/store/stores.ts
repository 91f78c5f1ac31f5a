import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../../src/adapters/pglite/embedded-store.ts';
import { type Database, openDatabase } from '../../../src/adapters/postgres/database.ts';
import { postgresDocuments } from '../../../src/adapters/postgres/documents.ts';
import { useEmbeddingSpace } from '../../../src/adapters/postgres/embedding-space.ts';
import { migrate } from '../../../src/adapters/postgres/migrate.ts';
import { openServer } from '../../../src/adapters/postgres/server.ts';
import { setUpServer } from '../../../src/adapters/postgres/set-up.ts';
import { staticEmbeddings } from '../../../src/adapters/static-embeddings/static-embeddings.ts';
import type { OwnRelationship, StagedDocument } from '../../../src/ports/documents.ts';
import type { Embeddings } from '../../../src/ports/embeddings.ts';
import type { Principal } from '../../../src/types/principal.ts';
import { freshDatabase } from '../../support/real-parts.ts';

/** An empty store, as `serve` and as `migrate` see it. */
export type Store = {
  readonly database: Database;
  readonly owner: Database;
  readonly embeddings: Embeddings;
  close(): Promise<void>;
};

export async function embeddedStore(): Promise<Store> {
  const dataDir = await mkdtemp(join(tmpdir(), 'clearance-contract-'));
  const store = await openEmbeddedStore(dataDir);
  await migrate(store.connection);
  const database = openDatabase(store.connection);
  const embeddings = await staticEmbeddings();
  await useEmbeddingSpace(database, embeddings);
  return {
    database,
    owner: database,
    embeddings,
    async close() {
      await database.close();
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The service's role is the one that asks: so it has what each statement needs. */
export async function serverStore(): Promise<Store> {
  const fresh = await freshDatabase();
  const embeddings = await staticEmbeddings();
  await setUpServer(fresh.ownerUrl, embeddings);
  const database = openServer(fresh.serviceUrl);
  const owner = openServer(fresh.ownerUrl, { poolSize: 2, unhurried: true });
  return {
    database,
    owner,
    embeddings,
    async close() {
      await database.close();
      await owner.close();
      await fresh.close();
    },
  };
}

/** Elsewhere only a verified token makes one. */
export const principalOf = (tenant: string): Principal =>
  ({ tenant, issuer: 'issuer', subject: 'user:anne', chain: [] as readonly string[] }) as Principal;

/** Nothing of another test's is in it. */
export const newTenant = (): string => `tenant-${randomUUID()}`;

export const SOURCE = 'wiki';

export async function staged(
  { embeddings }: Store,
  title: string,
  texts: readonly string[],
  metadata: Readonly<Record<string, unknown>> = {},
): Promise<StagedDocument> {
  const vectors = await embeddings.embed(texts);
  const hashOf = (text: string) => Buffer.from(`${title} ${text}`.padEnd(32).slice(0, 32));
  return {
    title,
    metadata,
    hash: hashOf(texts.join()),
    chunks: texts.map((text, i) => ({
      text,
      hash: hashOf(text),
      embedding: vectors[i] ?? new Float32Array(embeddings.dimension),
    })),
  };
}

/** Stages a version and carries its step out as far as the store goes. */
export async function publish(
  store: Store,
  tenant: string,
  id: string,
  texts: readonly string[],
  metadata: Readonly<Record<string, unknown>> = {},
  relationships?: readonly OwnRelationship[],
): Promise<{ readonly no: number; readonly version: number }> {
  const documents = postgresDocuments(store.database);
  const { no } = await documents.claim(tenant, id, SOURCE);
  const document = await staged(store, id, texts, metadata);
  const version = await documents.stage(tenant, { no, source: SOURCE }, document, relationships);
  const step = await documents.lease(no);
  if (step === undefined || step === 'busy') throw new Error('no step to carry out');
  await documents.publish(step);
  return { no, version };
}
