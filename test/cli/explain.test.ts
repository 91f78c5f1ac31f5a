import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Env, freshFolder, run } from '../support/cli.ts';
import { realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';

const folder = freshFolder();
const model = join(folder, 'model.fga');
writeFileSync(
  model,
  `model
  schema 1.1
type user
type group
  relations
    define member: [user]
type document
  relations
    define banned: [user]
    define viewer: [user, group#member]
    define can_read: viewer but not banned
`,
);
const groups = join(folder, 'groups.ndjson');
const relationships = [
  { user: 'user:carl', relation: 'member', object: 'group:eng' },
  { user: 'user:dora', relation: 'member', object: 'group:eng' },
];
writeFileSync(groups, relationships.map((each) => JSON.stringify(each)).join('\n'));
const file = join(folder, 'documents.ndjson');
writeFileSync(
  file,
  JSON.stringify({
    id: 'diary',
    title: 'Diary',
    text: 'dear diary',
    relationships: [
      { user: 'group:eng#member', relation: 'viewer' },
      { user: 'user:dora', relation: 'banned' },
    ],
  }),
);

const explained = async (env: Env, user: string) => {
  const { code, stdout, stderr } = await run(['explain', user, 'can_read', 'document:diary'], env);
  return { code, lines: stdout.trimEnd().split('\n'), stderr };
};

function behaves(env: () => Env): void {
  beforeAll(async () => {
    expect(await run(['ingest', file, '--relationships', groups], env())).toMatchObject({ code: 0 });
  });

  it('prints the relationships behind a yes', async () => {
    const { code, lines } = await explained(env(), 'user:carl');
    expect(code).toBe(0);
    expect(lines.slice(0, 2)).toEqual([
      'The engine says: allowed.',
      'user:carl can_read document:diary, because:',
    ]);
    expect(lines.join()).toMatch(/"user:carl member group:eng".+"group:eng#member viewer document:diary"/);
  });

  it('prints what leads there where something else speaks against it', async () => {
    const { code, lines } = await explained(env(), 'user:dora');
    expect(code).toBe(1);
    expect(lines[0]).toBe('The engine says: denied.');
    expect(lines[1]).toContain('something else speaks against it');
    expect(lines.join()).toContain('"user:dora member group:eng"');
  });

  it('prints the relationships that are missing', async () => {
    const { code, lines } = await explained(env(), 'user:bob');
    expect(code).toBe(1);
    expect(lines).toEqual([
      'The engine says: denied.',
      'No relationship leads to "user:bob can_read document:diary". Each of these would:',
      '  user:bob viewer document:diary',
      '  user:bob member group:eng',
    ]);
  });

  it('says what the model lacks', async () => {
    const { code, stderr } = await run(['explain', 'user:bob', 'can_fly', 'document:diary'], env());
    expect(code).toBe(1);
    expect(stderr).toBe('clearance: The authorization model has no relation document#can_fly.\n');
  });
}

describe('clearance explain, with the embedded engine', () => {
  behaves(() => ({ CLEARANCE_DATA_DIR: join(folder, 'data'), AUTHORIZATION_MODEL: model }));
});

describe.skipIf(realParts() === undefined)('clearance explain, with OpenFGA', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await install({ AUTHORIZATION_MODEL: model });
  });
  afterAll(() => installation?.close());
  behaves(() => installation.env);
});
