import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshFolder, run } from '../support/cli.ts';

const folder = freshFolder();
const dataDir = join(folder, 'data');
const clearance = (...args: readonly string[]) => run(args, { CLEARANCE_DATA_DIR: dataDir });
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const exported = join(folder, 'trail.ndjson');
const keys = join(folder, 'keys.json');
let decision: string;

beforeAll(async () => {
  const plan = { id: 'plan', title: 'Plan', text: 'The plan is secret.' };
  const relationships = [{ user: 'group:eng#member', relation: 'viewer' }];
  const documents = file('docs.ndjson', `${JSON.stringify({ ...plan, relationships })}\n`);
  const member = { user: 'user:anne', relation: 'member', object: 'group:eng' };
  const tuples = file('tuples.ndjson', `${JSON.stringify(member)}\n`);
  expect(await clearance('ingest', documents, '--relationships', tuples)).toMatchObject({ code: 0 });
  const { stdout } = await clearance('ask', 'plan', '--as', 'anne', '--json');
  decision = (JSON.parse(stdout) as { decision_id: string }).decision_id;
});

describe('clearance audit', () => {
  it('verifies the trail, and explains a decision from it', async () => {
    const { code, stdout } = await clearance('audit', 'verify');
    expect(stdout).toMatch(
      /^Tenant default:\n {2}\d+ records in 2 segments, 2 checkpoints, the last of .*\n {2}Whole: /,
    );
    expect(code).toBe(0);
    expect((await clearance('audit', 'explain', decision)).stdout.split('\n').slice(1)).toEqual([
      'user:anne: retrieve.',
      'plan, version 1, was released:',
      '  The engine said that user:anne may read it, and these relationships led there:',
      '    user:anne is member of group:eng',
      '    every member of group:eng is viewer of document:plan',
      '',
    ]);
    expect((await clearance('audit', 'explain', 'nothing')).stderr).toMatch(/has no decision nothing/);
    expect(statSync(join(dataDir, 'audit/key.json')).mode & 0o777).toBe(0o600);
  });

  it('exports it, with what verifies it elsewhere', async () => {
    const { code, stdout, stderr } = await clearance('audit', 'export');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    writeFileSync(exported, stdout);
    writeFileSync(keys, (await clearance('audit', 'keys')).stdout);
    expect(readFileSync(keys, 'utf8')).not.toContain('"d"');
    const elsewhere = { CLEARANCE_DATA_DIR: join(folder, 'elsewhere') };
    const verify = (path: string, key: string) =>
      run(['audit', 'verify', '--file', path, '--key', key], elsewhere);
    expect(await verify(exported, keys)).toMatchObject({ code: 0, stdout: expect.stringMatching(/Whole: /) });

    const cut = file('cut.ndjson', stdout.slice(0, -1));
    expect(await verify(cut, keys)).toMatchObject({ code: 1, stdout: expect.stringMatching(/NOT WHOLE/) });
    const stranger = file(
      'stranger.pem',
      generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    );
    expect(await verify(exported, stranger)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/not among those given/),
    });
    expect((await clearance('audit', 'verify', '--after', exported)).code).toBe(0);
    const ocsf = await clearance('audit', 'export', '--format', 'ocsf', '--people', '--since', '2020-01-01');
    expect(
      ocsf.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { class_uid: number }).class_uid),
    ).toContain(6003);
    expect(await clearance('audit', 'export', '--agents', '--people')).toMatchObject({ code: 1 });
  });

  it('forgets a name, and takes away what is old, and the trail stays whole', async () => {
    expect((await clearance('audit', 'erase', 'user:anne')).stdout).toMatch(
      /^user:anne is person:[\w-]{22} in the trail/,
    );
    expect((await clearance('audit', 'erase', 'user:anne')).stderr).toMatch(
      /has nobody of the name user:anne/,
    );
    expect((await clearance('audit', 'explain', decision)).stdout).toMatch(
      /\nperson:[\w-]{22}: retrieve\.\n/,
    );
    expect((await clearance('audit', 'prune', '--before', '2099-01-01')).stdout).toMatch(
      /^Taken away: \d+ records, 3 segments/,
    );
    expect(await clearance('audit', 'verify', '--after', exported)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        / {2}Taken away by \w+, .*: \d+ records, 3 segments of before 2099-01-01.*\n {2}Whole: /s,
      ),
    });
    expect(await clearance('audit', 'prune', '--before', 'soon')).toMatchObject({ code: 1 });
  });
});
