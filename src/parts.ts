import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  developmentEvents,
  developmentIdentity,
  developmentIssuer,
} from './adapters/jwt/development-issuer.ts';
import { developmentExchangeKeys, developmentKeys } from './adapters/jwt/development-keys.ts';
import { loginNames } from './adapters/jwt/engine-user.ts';
import { oidcEvents, oidcIdentity } from './adapters/jwt/oidc.ts';
import { type OwnIssuer, ownTokens, ownVerifier } from './adapters/jwt/own-tokens.ts';
import { readSigningKey } from './adapters/jwt/signing-key.ts';
import { onlyIssuer, readIssuers, type TrustedIssuer } from './adapters/jwt/trusted-issuer.ts';
import { openAiEmbeddings } from './adapters/openai-embeddings/openai-embeddings.ts';
import { misreadRelations } from './adapters/openfga/misread.ts';
import { type EmbeddedStore, openEmbeddedStore } from './adapters/pglite/embedded-store.ts';
import { type Database, openDatabase } from './adapters/postgres/database.ts';
import { migrate } from './adapters/postgres/migrate.ts';
import { requireReadyDatabase } from './adapters/postgres/ready.ts';
import { openServer, tlsProblem } from './adapters/postgres/server.ts';
import { staticEmbeddings } from './adapters/static-embeddings/static-embeddings.ts';
import type { Config } from './config.ts';
import { type Model, modelFromDsl } from './evaluator/model.ts';
import type { Embeddings } from './ports/embeddings.ts';
import type { Identity } from './ports/identity.ts';
import type { OwnTokens } from './ports/own-tokens.ts';
import type { SecurityEvents } from './ports/security-events.ts';
import type { UsedProofs } from './ports/used-proofs.ts';
import type { Revoking } from './revocation/revoke.ts';
import { StartupError } from './types/errors.ts';

export type Store = { readonly database: Database; close(): Promise<void> };

/** Which part is which, by the configuration. The embedded store gets its schema here; a server's is `clearance migrate`'s. */
export function openStore(config: Config, unhurried = false): Promise<Store> {
  return config.database === undefined
    ? openEmbedded(config)
    : openReadyServer(config, config.database, unhurried);
}

async function openReadyServer(
  { mode }: Config,
  { url, migrationUrl, poolSize }: NonNullable<Config['database']>,
  unhurried: boolean,
): Promise<Store> {
  const database = openServer(unhurried ? migrationUrl : url, { poolSize, unhurried });
  try {
    await requireReadyDatabase(database, { production: mode === 'production' && !unhurried });
  } catch (error) {
    await database.close();
    throw error;
  }
  return { database, close: () => database.close() };
}

async function openEmbedded({ dataDir }: Config): Promise<Store> {
  const store = await openEmbeddedStore(dataDir);
  try {
    await migrateTogether(store);
  } catch (error) {
    await store.close();
    throw new StartupError(`The store's schema could not be brought up to date: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const database = openDatabase(store.connection);
  return {
    database,
    async close() {
      await database.close();
      await store.close();
    },
  };
}

const MIGRATION_TRIES = 10;
const MIGRATION_PAUSE_MS = 300;

/** Another command's store may be getting its schema at this moment, and an embedded store has no lock between them. */
async function migrateTogether({ connection, owned }: EmbeddedStore): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await migrate(connection);
      return;
    } catch (error) {
      if (owned || tries === MIGRATION_TRIES) throw error;
      await sleep(MIGRATION_PAUSE_MS);
    }
  }
}

/** What anyone between the parts could read or change: a line each. A private network or a mesh may make up for it. */
export function unprotected({ database, openfga }: Config): readonly string[] {
  const problems: string[] = [];
  const store = database && tlsProblem(database.url);
  if (store !== undefined) problems.push(`DATABASE_URL: ${store}`);
  if (openfga !== undefined) {
    const { protocol, hostname } = new URL(openfga.apiUrl);
    if (protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname)) {
      problems.push(`OPENFGA_API_URL: verdicts of ${hostname} come over plain HTTP: use https.`);
    }
  }
  return problems;
}

export async function chooseEmbeddings({ openai }: Config): Promise<Embeddings> {
  return openai === undefined ? staticEmbeddings() : openAiEmbeddings(openai);
}

export type Tokens = {
  readonly identity: Identity;
  /** What their issuers say of them later. */
  readonly events: SecurityEvents;
  readonly loginName: Revoking['loginName'];
  /** Absent: the service gives out none. */
  readonly own?: OwnTokens;
};

export async function trustedIssuers({ oidc }: Config): Promise<readonly TrustedIssuer[]> {
  if (oidc === undefined) return [developmentIssuer];
  return 'file' in oidc ? readIssuers(oidc.file) : [onlyIssuer(oidc.issuer, oidc.audience)];
}

/** Whose tokens are taken, and what the service signs its own with. */
export async function chooseTokens(config: Config, used: UsedProofs): Promise<Tokens> {
  const { oidc, dataDir, publicUrl } = config;
  const possession = publicUrl === undefined ? undefined : { publicUrl, used };
  const issuers = await trustedIssuers(config);
  const own = await chooseOwnIssuer(config);
  const bare = (url: string) => url.replace(/\/+$/, '');
  if (own !== undefined && issuers.some(({ issuer }) => bare(issuer) === bare(own.issuer))) {
    throw new StartupError(
      `PUBLIC_URL is ${own.issuer}, which is an issuer whose tokens are taken: the service's own tokens would be taken for its.`,
    );
  }
  const verifier = own && ownVerifier(own, issuers);
  const keys = oidc === undefined ? await developmentKeys(dataDir) : undefined;
  return {
    identity:
      keys === undefined
        ? oidcIdentity(issuers, possession, verifier)
        : developmentIdentity(keys, possession, verifier),
    events: keys === undefined ? oidcEvents(issuers) : developmentEvents(keys),
    loginName: loginNames(issuers),
    ...(own === undefined ? {} : { own: ownTokens(own, possession) }),
  };
}

/** In development there always is one: its key lies in the data folder, where the development issuer's does. */
async function chooseOwnIssuer(config: Config): Promise<OwnIssuer | undefined> {
  const { mode, dataDir, publicUrl, tokenSigningKey, oidc } = config;
  if (tokenSigningKey === undefined && mode === 'production') return undefined;
  const audience = oidc !== undefined && 'audience' in oidc ? oidc.audience : developmentIssuer.audience;
  return {
    issuer: publicUrl ?? 'clearance-exchange',
    audience,
    ...(publicUrl === undefined ? {} : { resource: publicUrl }),
    key:
      tokenSigningKey === undefined
        ? await developmentExchangeKeys(dataDir)
        : await readSigningKey(tokenSigningKey),
  };
}

export async function loadModel({ authorizationModel }: Config): Promise<Model> {
  const path = authorizationModel ?? fileURLToPath(new URL('../models/default.fga', import.meta.url));
  try {
    return modelFromDsl(await readFile(path, 'utf8'));
  } catch (error) {
    throw new StartupError(`The authorization model ${path} can not be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Tells one model from another, so that a changed file is noticed. */
export function modelHash(model: Model): string {
  return createHash('sha256').update(JSON.stringify(model.json)).digest('hex');
}

export function requireGuarded({ guarded }: Config, model: Model): void {
  if (model.types.get(guarded.type)?.has(guarded.relation) === true) return;
  throw new StartupError(
    `GUARDED_RELATION is ${guarded.type}#${guarded.relation}, which the authorization model does not define. Its types: ${[...model.types.keys()].join(', ')}.`,
  );
}

/** Before it is pinned, and each time that it is used. */
export function requireReadAlike(model: Model): void {
  const misread = misreadRelations(model);
  if (misread.length === 0) return;
  throw new StartupError(
    `OpenFGA 1.22.1 would allow more than the authorization model does, of ${misread.join(', ')}. docs/operations.md, "A model that OpenFGA 1.22.1 misreads", says why and what to write instead.`,
  );
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
