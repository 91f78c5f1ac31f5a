import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import pg from 'pg';
import type { RealParts } from '../../scripts/parts/addresses.ts';
import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import { openService, type Service } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { migrateParts } from '../../src/operations.ts';
import { developmentToken } from '../../src/operator.ts';
import { type AnswerProxy, openAnswerProxy } from '../support/fault-proxy/answers.ts';
import { type Authority, newAuthority } from '../support/fault-proxy/certificates.ts';
import { openWire, type Wire } from '../support/fault-proxy/wire.ts';
import { type Answer, type Http, type Sent, serveHttp } from '../support/http.ts';
import { type OwnPostgres, ownPostgres } from '../support/own-parts.ts';
import { freshDatabase, needRealParts } from '../support/real-parts.ts';

/** A service on a Postgres and an OpenFGA of its own, with a proxy before each that can be made to fail. */
export type World = {
  readonly config: Config;
  readonly service: Service;
  readonly http: Http;
  readonly postgres: { readonly wire: Wire; readonly own: Servers['postgres'] };
  readonly openfga: { readonly wire: Wire; readonly answers: AnswerProxy };
  /** Whom this process trusts. */
  readonly authority: Authority;
  /** As superuser, past the proxy. */
  readonly admin: pg.Pool;
  /** What the service logged of failures it goes on after. */
  readonly errors: unknown[];
  tokenOf(who: string): Promise<string>;
  send(who: string, method: string, path: string, json?: unknown): Promise<Answer>;
  /** What OpenFGA holds on a document, past the proxy: `user relation`. */
  tuplesOf(documentId: string): Promise<string[]>;
  close(): Promise<void>;
};

/** Who the operations need, and what each may. */
const scopes: Readonly<Record<string, Partial<TokenRequest>>> = {
  loader: { scopes: ['ingest'], source: 'wiki' },
  operator: { scopes: ['admin'] },
};

/** Trusted by this process from now on. */
function trustedAuthority(): Authority {
  const authority = newAuthority();
  setDefaultCACertificates([...getCACertificates('default'), authority.ca]);
  return authority;
}

/** What worlds are made on. */
export type Servers = {
  readonly postgres: Pick<OwnPostgres, 'postgres' | 'caFile' | 'cluster' | 'kill' | 'restart'>;
  readonly openfga: RealParts['openfga'];
  readonly authority: Authority;
  close(): Promise<void>;
};

/** For faults of connections and answers: nobody but the proxy's own service notices them. */
export function sharedServers(): Servers {
  const { postgres, openfga, native } = needRealParts();
  if (native === undefined) throw new Error('Skip this suite where there are no native parts.');
  const { caFile, cluster } = native;
  const never = () => Promise.reject(new Error('others are on this server'));
  return {
    postgres: { postgres, caFile, cluster, kill: never, restart: never },
    openfga,
    authority: trustedAuthority(),
    close: async () => {},
  };
}

/** With a Postgres of its own. */
export async function ownServers(): Promise<Servers> {
  const postgres = await ownPostgres();
  return { ...sharedServers(), postgres, close: () => postgres.close() };
}

export async function openWorld({ postgres, openfga, authority }: Servers): Promise<World> {
  const { apiUrl, token: key } = openfga;
  const database = await freshDatabase(postgres.postgres);
  const dataDir = await mkdtemp(join(tmpdir(), 'clearance-faults-'));
  const answers = await openAnswerProxy(new URL(apiUrl), authority.issue('127.0.0.1'));
  const wires = {
    postgres: await openWire({ host: '127.0.0.1', port: postgres.cluster.port }),
    openfga: await openWire({ host: '127.0.0.1', port: answers.port }),
  };
  const through = (url: string) => {
    const proxied = new URL(url);
    proxied.port = String(wires.postgres.port);
    proxied.searchParams.set('sslmode', 'verify-full');
    proxied.searchParams.set('sslrootcert', postgres.caFile);
    return proxied.href;
  };
  const config = readConfig({
    CLEARANCE_DATA_DIR: dataDir,
    DATABASE_URL: through(database.serviceUrl),
    DATABASE_MIGRATION_URL: database.ownerUrl,
    DATABASE_POOL_SIZE: '20',
    OPENFGA_API_URL: `https://127.0.0.1:${wires.openfga.port}`,
    OPENFGA_API_TOKEN: key,
  });
  await migrateParts(config, 'default', false, () => {});
  const errors: unknown[] = [];
  const service = await openService(config, (error) => errors.push(error));
  const http = await serveHttp(service);
  const admin = new pg.Pool({ connectionString: database.url, max: 2 }).on('error', () => {});

  const tokens = new Map<string, Promise<string>>();
  const tokenOf = (who: string) => {
    const token =
      tokens.get(who) ??
      developmentToken(config, { subject: who, scopes: ['retrieve'], lifetime: 3_600, ...scopes[who] });
    tokens.set(who, token);
    return token;
  };
  const openfgaRead = async (path: string, body: unknown): Promise<unknown> => {
    const response = await fetch(`${apiUrl}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return response.json();
  };
  let storeId: string | undefined;

  return {
    config,
    service,
    http,
    postgres: { wire: wires.postgres, own: postgres },
    openfga: { wire: wires.openfga, answers },
    authority,
    admin,
    errors,
    tokenOf,
    async send(who, method, path, json) {
      const sent: Sent = { token: await tokenOf(who), ...(json === undefined ? {} : { json }) };
      return http.send(method, path, sent);
    },
    async tuplesOf(documentId) {
      storeId ??= (await admin.query<{ store_id: string }>('SELECT store_id FROM engine_stores')).rows[0]
        ?.store_id;
      const page = (await openfgaRead(`/stores/${storeId}/read`, {
        tuple_key: { object: `document:${documentId}` },
        consistency: 'HIGHER_CONSISTENCY',
      })) as { tuples: { key: { user: string; relation: string } }[] };
      return page.tuples.map(({ key }) => `${key.user} ${key.relation}`).toSorted();
    },
    async close() {
      await http.close();
      await service.close();
      await Promise.all([wires.postgres.close(), wires.openfga.close(), answers.close(), admin.end()]);
      await database.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
