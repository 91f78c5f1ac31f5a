import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/parts/free-port.ts';
import { openService } from '../../src/compose.ts';
import { readConfig } from '../../src/config.ts';
import { told } from '../../src/doors/cli/told.ts';
import { type Env, freshFolder, run } from '../support/cli.ts';
import { type AnswerProxy, openAnswerProxy } from '../support/fault-proxy/answers.ts';
import { type OwnOpenFga, ownOpenFga } from '../support/own-parts.ts';
import { type FreshDatabase, freshDatabase, needRealParts, realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';

describe.skipIf(realParts() === undefined)('clearance serve on real parts', () => {
  let whole: Installation;
  beforeAll(async () => {
    whole = await install();
  });
  afterAll(() => whole?.close());

  it('starts where all is as it should be', async () => {
    expect(await refusal(whole.env)).toBeUndefined();
  });

  it('says why it does not in one line, and ends with 1', async () => {
    const { code, stdout, stderr } = await run(['serve'], { ...whole.env, OPENFGA_STORE_ID: OTHER_ULID });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^clearance: OPENFGA_STORE_ID is .+\n$/);
  });

  describe('refuses a database', () => {
    let database: FreshDatabase;
    afterAll(() => database?.close());

    it('without a schema', async () => {
      database = await freshDatabase();
      const env = { ...whole.env, DATABASE_URL: database.serviceUrl };
      expect(await refusal(env)).toMatch(/no schema yet: run "clearance migrate"/);
    });

    it('without pgvector', async () => {
      await query(database.url, 'DROP EXTENSION vector');
      const env = { ...whole.env, DATABASE_URL: database.serviceUrl };
      expect(await refusal(env)).toMatch(/pgvector is missing .+ CREATE EXTENSION vector/);
    });

    describe('after', () => {
      let own: Installation;
      beforeAll(async () => {
        own = await install();
      });
      afterAll(() => own?.close());

      // Each one is looked at before those above it, so none has to be put right.
      it.each([
        ['DELETE FROM engine_stores', /knows no store there yet: run "clearance migrate"/],
        ["UPDATE embedding_space SET model = 'another'", /embeddings of another .+ Run "clearance reembed"/],
        [
          "INSERT INTO schema_migrations (name, run_on) VALUES ('9999_later', now())",
          /program is older than the schema, which has 9999_later/,
        ],
        [
          "DELETE FROM schema_migrations WHERE name LIKE '0004%'",
          /older than this program: run "clearance migrate" \(0004/,
        ],
        [
          "UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'",
          /0\.7\.4 is too old.+ALTER EXTENSION vector UPDATE/,
        ],
      ])('%s', async (change, message) => {
        await query(own.database.url, change);
        expect(await refusal(own.env)).toMatch(message);
      });
    });

    it('that does not answer, or not to this password', async () => {
      const at = (change: Partial<URL>) => ({
        ...whole.env,
        DATABASE_URL: Object.assign(new URL(whole.database.serviceUrl), change).href,
      });
      expect(await refusal(at({ port: String(await freePort()) }))).toMatch(
        /can not be reached: .*ECONNREFUSED/,
      );
      expect(await refusal(at({ password: 'not-it' }))).toMatch(
        /can not be reached: password authentication failed/,
      );
    });
  });

  describe('refuses in production mode', () => {
    const key = join(freshFolder(), 'audit-key.pem');
    writeFileSync(key, generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const production = {
      CLEARANCE_MODE: 'production',
      OIDC_ISSUER: 'https://issuer.example',
      AUDIT_SIGNING_KEY: key,
    };

    it('to be without a key for the audit trail, or with none in its file', async () => {
      const env = { ...whole.env, ...production };
      expect(await refusal({ ...env, AUDIT_SIGNING_KEY: '' })).toMatch(
        /Missing: AUDIT_SIGNING_KEY .*openssl/,
      );
      expect(await refusal({ ...env, AUDIT_SIGNING_KEY: `${key}.gone` })).toMatch(/can't be read \(ENOENT\)/);
      expect(await refusal({ ...env, AUDIT_SIGNING_KEY: import.meta.filename })).toMatch(
        /holds no Ed25519 keys/,
      );
    });

    it('to be without an issuer', async () => {
      expect(await refusal({ ...whole.env, ...production, OIDC_ISSUER: '' })).toMatch(/Missing: OIDC_ISSUER/);
    });

    it('to be without credentials for OpenFGA', async () => {
      expect(await refusal({ ...whole.env, ...production, OPENFGA_API_TOKEN: '' })).toMatch(
        /Missing: OPENFGA_API_TOKEN/,
      );
    });

    it.each(['ownerUrl', 'url'] as const)('the role of %s, which may do too much', async (role) => {
      const env = { ...whole.env, ...production, DATABASE_URL: whole.database[role] };
      expect(await refusal(env)).toMatch(/owns tables.+ whose only membership is clearance_service/);
    });
  });

  describe('refuses an OpenFGA server', () => {
    it.each([
      [
        'that is not there',
        async () => ({ OPENFGA_API_URL: `http://127.0.0.1:${await freePort()}` }),
        /not reached/,
      ],
      ['to which its token is wrong', () => ({ OPENFGA_API_TOKEN: 'not-it' }), /401.+key or token is wrong/],
      ['to which it has no token', () => ({ OPENFGA_API_TOKEN: '' }), /401.+key or token is wrong/],
      [
        'whose store is not the configured one',
        () => ({ OPENFGA_STORE_ID: OTHER_ULID }),
        /^OPENFGA_STORE_ID is .+ Unset it/,
      ],
      [
        'whose model is not the configured one',
        async () => {
          const file = join(whole.env.CLEARANCE_DATA_DIR ?? '', 'changed.fga');
          await writeFile(file, CHANGED_MODEL);
          return { AUTHORIZATION_MODEL: file };
        },
        /is not the one that is pinned .+ clearance migrate --model/,
      ],
      [
        'whose model does not have the guarded relation',
        () => ({ GUARDED_RELATION: 'document#may_see' }),
        /^GUARDED_RELATION is document#may_see, which .+ does not define/,
      ],
    ])('%s', async (_, change, message) => {
      expect(await refusal({ ...whole.env, ...(await change()) })).toMatch(message);
    });

    it('that has lost the store', async () => {
      const own = await install();
      try {
        const [{ store_id = '' } = {}] = await query(own.database.url, 'SELECT store_id FROM engine_stores');
        const { apiUrl, token } = needRealParts().openfga;
        const { status } = await fetch(`${apiUrl}/stores/${store_id}`, {
          method: 'DELETE',
          headers: { authorization: `Bearer ${token}` },
        });
        expect(status).toBe(204);
        expect(await refusal(own.env)).toMatch(/OpenFGA can't be used: it answered 404/);
      } finally {
        await own.close();
      }
    });
  });

  describe.skipIf(realParts()?.native === undefined)('a server with a cache', () => {
    let server: OwnOpenFga;
    let proxy: AnswerProxy;
    let cached: Installation;

    beforeAll(async () => {
      server = await ownOpenFga({
        env: { OPENFGA_CHECK_QUERY_CACHE_ENABLED: 'true', OPENFGA_CHECK_QUERY_CACHE_TTL: '60s' },
      });
      proxy = await openAnswerProxy(new URL(server.openfga.apiUrl));
      cached = await install(
        {},
        {
          postgres: needRealParts().postgres,
          openfga: { ...server.openfga, apiUrl: `http://127.0.0.1:${proxy.port}` },
        },
      );
    });
    afterAll(async () => {
      await cached?.close();
      await proxy?.close();
      await server?.close();
    });

    it('is taken where it leaves the cache when asked to', async () => {
      expect(await refusal(cached.env)).toBeUndefined();
    });

    it('is refused where what is asked of it does not arrive', async () => {
      proxy.set({
        ask: (asked) => ({
          ...asked,
          body: asked.body.replaceAll(/,?"consistency":"HIGHER_CONSISTENCY"/g, ''),
        }),
      });
      expect(await refusal(cached.env)).toMatch(/does not honour higher consistency/);
    });
  });

  /** What `clearance serve` would print, or undefined if it would run. Fails where that tells a secret. */
  async function refusal(env: Env): Promise<string | undefined> {
    try {
      const service = await openService(readConfig(env), () => {});
      await service.close();
      return undefined;
    } catch (error) {
      const said = told(error);
      // Anything else is printed with its stack.
      if (typeof said !== 'string') throw error;
      for (const secret of secretsOf(env)) expect(said).not.toContain(secret);
      return said;
    }
  }
});

const OTHER_ULID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

const CHANGED_MODEL = `model
  schema 1.1
type user
type document
  relations
    define can_read: [user, user:*]
`;

function secretsOf({
  DATABASE_URL = '',
  DATABASE_MIGRATION_URL = '',
  OPENFGA_API_TOKEN = '',
}: Env): string[] {
  const passwords = [DATABASE_URL, DATABASE_MIGRATION_URL].map((url) => new URL(url).password);
  return [...passwords, OPENFGA_API_TOKEN].filter((secret) => secret !== '');
}

async function query(url: string, statement: string): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, string>>(statement)).rows;
  } finally {
    await client.end();
  }
}
