import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { developmentIdentity } from '../../src/adapters/jwt/development-issuer.ts';
import { developmentKeys } from '../../src/adapters/jwt/development-keys.ts';
import { type Env, freshFolder, root, run } from '../support/cli.ts';

const dataDir = join(freshFolder(), 'data');
const clearance = (args: readonly string[], env: Env = {}) =>
  run(args, { CLEARANCE_DATA_DIR: dataDir, ...env });

describe('clearance token', () => {
  it('prints the token and nothing else, of whom and for what was said, without a store', async () => {
    const args = [
      'token',
      '--as',
      'user:anne',
      '--agent',
      'agent:bot',
      '--scope',
      'retrieve',
      'ingest',
      '--source',
      'wiki',
    ];
    const { code, stdout, stderr } = await clearance(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const identity = developmentIdentity(await developmentKeys(dataDir));
    expect(await identity.verify(stdout.trim())).toMatchObject({
      principal: { subject: 'user:anne', chain: ['agent:bot'] },
      scopes: new Set(['retrieve', 'ingest']),
      source: 'wiki',
    });
    const chain = await clearance(['token', '--as', 'anne', '--agent', 'agent:b', '--agent', 'a']);
    expect(await identity.verify(chain.stdout.trim())).toMatchObject({
      principal: { subject: 'user:anne', chain: ['agent:b', 'agent:a'] },
    });
    const own = await clearance(['token', '--as', 'agent:bot']);
    expect(await identity.verify(own.stdout.trim())).toMatchObject({
      principal: { subject: 'agent:bot', chain: [] },
    });
    expect(existsSync(join(dataDir, 'database'))).toBe(false);
    expect(existsSync(join(dataDir, 'lock.sqlite'))).toBe(false);
  });

  it.each([
    [
      'an unknown scope',
      ['--as', 'anne', '--scope', 'write'],
      /Unknown scope write; there are retrieve, ingest, admin/,
    ],
    ['no one to be', [], /required option '--as <user>'/],
    ['an empty name', ['--as', 'user:'], /give a name, as in user:anne/],
    ['a source missing', ['--as', 'anne', '--scope', 'ingest'], /source/],
    ['no life', ['--as', 'anne', '--hours', '0'], /lifetime/],
    ['no number of hours', ['--as', 'anne', '--hours', 'many'], /lifetime/],
    ['an unknown option', ['--as', 'anne', '--admin'], /unknown option '--admin'/],
  ])('refuses %s', async (_, args, message) => {
    const { code, stdout, stderr } = await clearance(['token', ...args]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});

describe('a mistake of the operator', () => {
  const badModel = join(freshFolder(), 'bad.fga');
  writeFileSync(
    badModel,
    'model\n  schema 1.1\ntype user\ntype document\n  relations\n    define can_read: nobody\n',
  );

  it.each<[string, readonly string[], Env, RegExp]>([
    [
      'production mode',
      ['serve'],
      { CLEARANCE_MODE: 'production' },
      /Production mode needs an OIDC issuer.*Missing: DATABASE_URL, OPENFGA_API_URL, OIDC_ISSUER/,
    ],
    ['an unknown mode', ['serve'], { CLEARANCE_MODE: 'prod' }, /CLEARANCE_MODE/],
    ['no Postgres', ['serve'], { DATABASE_URL: 'mysql://x' }, /DATABASE_URL: must look like postgres:/],
    [
      'a database that is not there',
      ['ask', 'x', '--as', 'anne'],
      { DATABASE_URL: 'postgres://anne:secret@127.0.0.1:9/x' },
      /The database can not be reached: (?!.*secret)/,
    ],
    [
      'a migration without its database',
      ['migrate'],
      { DATABASE_MIGRATION_URL: 'postgres://x' },
      /set DATABASE_URL too/,
    ],
    ['OpenFGA without its address', ['serve'], { OPENFGA_API_TOKEN: 't' }, /set OPENFGA_API_URL too/],
    [
      'half of OpenFGA’s credentials',
      ['serve'],
      { OPENFGA_API_URL: 'http://127.0.0.1:9', OPENFGA_CLIENT_ID: 'c' },
      /are four: OPENFGA_CLIENT_ID, OPENFGA_CLIENT_SECRET/,
    ],
    [
      'two kinds of OpenFGA’s credentials',
      ['serve'],
      { OPENFGA_API_URL: 'http://127.0.0.1:9', OPENFGA_API_TOKEN: 't', OPENFGA_CLIENT_ID: 'c' },
      /not both/,
    ],
    [
      'a model without its store',
      ['serve'],
      { OPENFGA_API_URL: 'http://127.0.0.1:9', OPENFGA_MODEL_ID: '01ARZ3NDEKTSV4RRFFQ69G5FAV' },
      /set OPENFGA_STORE_ID too/,
    ],
    ['nothing to reconcile', ['reconcile'], {}, /There is nothing to reconcile/],
    ['a port that is none', ['serve'], { PORT: '99999' }, /PORT/],
    [
      'a model that is not there',
      ['serve'],
      { AUTHORIZATION_MODEL: '/no/model.fga' },
      /authorization model \/no\/model\.fga can not be used.*no such file/,
    ],
    [
      'a model with a mistake',
      ['serve'],
      { AUTHORIZATION_MODEL: badModel },
      /bad\.fga can not be used: .*nobody/,
    ],
    [
      'a relation that the model lacks',
      ['serve'],
      { GUARDED_RELATION: 'page#can_read' },
      /GUARDED_RELATION is page#can_read.*Its types: user, agent, group, folder, document/,
    ],
    [
      'a relation that is no relation',
      ['serve'],
      { GUARDED_RELATION: 'can_read' },
      /GUARDED_RELATION: must look like document#can_read/,
    ],
    ['an embedding model without a key', ['serve'], { EMBEDDING_MODEL: 'm' }, /OPENAI_API_KEY/],
    [
      'an embeddings endpoint that is not there',
      ['serve'],
      { EMBEDDING_MODEL: 'm', OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://127.0.0.1:9' },
      /embeddings endpoint can't be used/,
    ],
    [
      'a token of someone else’s issuer',
      ['token', '--as', 'anne'],
      { OIDC_ISSUER: 'https://issuer.example' },
      /unset OIDC_ISSUER/,
    ],
    ['nothing to ingest', ['ingest'], {}, /Name a file or folder/],
    ['a file that is not there', ['ingest', '/no/file.ndjson'], {}, /There is no \/no\/file\.ndjson/],
    ['no number of passages', ['ask', 'x', '--as', 'anne', '-k', 'many'], {}, /a whole number from 1 to 50/],
    ['an unknown command', ['sevre'], {}, /unknown command 'sevre'.*Did you mean serve/s],
  ])('%s is told in a line, with exit code 1', async (_, args, env, message) => {
    const { code, stdout, stderr } = await clearance(args, env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(existsSync(join(dataDir, 'database'))).toBe(false);
  });
});

describe('clearance model test', () => {
  const models = (name: string) => join(root, name);

  it('exits with 0 where all tests pass', async () => {
    const files = ['default', 'sales', 'support', 'time-bound'].map((name) =>
      models(`models/${name}.fga.yaml`),
    );
    const { code, stdout } = await clearance(['model', 'test', ...files]);
    expect(code).toBe(0);
    for (const file of files) expect(stdout).toContain(file);
  });

  it.each([
    ['a test fails', models('test/model-test/fixtures/wrong.fga.yaml')],
    ['a file is not there', '/no/such.fga.yaml'],
  ])('exits with 1 where %s, and runs the others', async (_, file) => {
    const { code, stdout, stderr } = await clearance([
      'model',
      'test',
      file,
      models('models/default.fga.yaml'),
    ]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toContain('models/default.fga.yaml');
  });
});
