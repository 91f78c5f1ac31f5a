import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openServer } from '../../src/adapters/postgres/server.ts';
import { type Env, freshFolder, run } from '../support/cli.ts';
import { realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';
import { openTestService } from '../support/service.ts';

const folder = freshFolder();
const file = join(folder, 'documents.ndjson');
const readers: Readonly<Record<string, readonly string[]>> = {
  plan: ['user:anne', 'user:bob'],
  menu: ['user:*'],
  diary: ['group:eng#member'],
};
const documents = Object.entries(readers).map(([id, users]) => ({
  id,
  title: id,
  text: `text of ${id}`,
  relationships: users.map((user) => ({ user, relation: 'viewer' })),
}));
writeFileSync(file, documents.map((document) => JSON.stringify(document)).join('\n'));
const groups = join(folder, 'groups.ndjson');
writeFileSync(groups, JSON.stringify({ user: 'user:carl', relation: 'member', object: 'group:eng' }));

const ingest = (env: Env) => run(['ingest', file, '--relationships', groups], env);

describe('clearance index, with the embedded engine', () => {
  const env = { CLEARANCE_DATA_DIR: join(folder, 'data') };
  beforeAll(async () => {
    expect(await ingest(env)).toMatchObject({ code: 0 });
  });

  it('verify finds nothing lost', async () => {
    const { code, stdout } = await run(['index', 'verify'], env);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: [
        'Tenant default:',
        '  People tried: 3.',
        '  Documents that the engine allows them: 6. In the index: 6. Lost: 0. Only in the index: 0.',
        '',
      ].join('\n'),
    });
    expect((await run(['index', 'verify', '--people', '1'], env)).stdout).toContain('People tried: 1.');
    expect((await run(['index', 'verify', '--people', 'all'], env)).stderr).toContain('give a whole number');
  });

  it('explain says by which relationships a document can be found, or that there are none', async () => {
    const explained = async (user: string, object: string) =>
      (await run(['index', 'explain', user, object], env)).stdout.split('\n');
    const [said, ...way] = await explained('user:carl', 'document:diary');
    expect(said).toBe('The index lets user:carl find document:diary; the engine has the last word.');
    expect(way.join()).toMatch(/"user:carl member group:eng".+"group:eng#member viewer document:diary"/);
    const [no, ...ends] = await explained('user:anne', 'document:diary');
    expect(no).toBe(
      'The index does not let user:anne find document:diary: no relationship leads from one to the other.',
    );
    expect(ends).toContain('Relationships on document:diary:');
    expect(ends).toContain('  group:eng#member viewer document:diary');
    expect((await explained('user:anne', 'document:menu'))[0]).toContain('lets user:anne find document:menu');
  });

  it('tune measures nothing where there is too little to measure', async () => {
    const { code, stderr } = await run(['tune'], env);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^clearance: The store has 3 passages\. From 5000 on .+\n$/),
    });
  });

  it('tune by questions wants enough of them', async () => {
    const questions = join(folder, 'questions.txt');
    writeFileSync(questions, 'how do I restart the queue?\n\nwho is on call?\n');
    const { code, stderr } = await run(['tune', '--questions', questions], env);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'clearance: Give at least 100 questions, one a line: of 2, chance decides.\n',
    });
    const absent = await run(['tune', '--questions', `${questions}.absent`], env);
    expect(absent.code).toBe(1);
    expect(absent.stderr).toContain(`${questions}.absent`);
  });

  it('rebuild says that there is nothing to rebuild from', async () => {
    const { code, stderr } = await run(['index', 'rebuild'], env);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^clearance: There is nothing to rebuild from: the embedded engine .+\n$/,
      ),
    });
  });
});

describe.skipIf(realParts() === undefined)('clearance index, with an OpenFGA server', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await install();
    expect(await ingest(installation.env)).toMatchObject({ code: 0 });
    // The follower's first turn sees what was written last.
    await (await openTestService(installation.env)).close();
  });
  afterAll(() => installation?.close());

  it('verify finds what a doctored copy lost, and rebuild heals it', async () => {
    const { env } = installation;
    const sound = await run(['index', 'verify'], env);
    expect(sound).toMatchObject({ code: 0, stderr: '' });
    expect(sound.stdout).toContain(
      "Relationships: 5 in OpenFGA, 5 in the database's copy; the copy lacks 0 and has 0 too many.",
    );
    expect(sound.stdout).toContain('allows them: 6. In the index: 6. Lost: 0. Only in the index: 0.');

    await sql(`UPDATE relationships SET "user" = 'user:dora' WHERE "user" = 'group:eng#member'`);
    const doctored = await run(['index', 'verify'], env);
    expect(doctored).toMatchObject({ code: 1, stderr: '' });
    expect(doctored.stdout).toContain('the copy lacks 1 and has 1 too many');
    expect(doctored.stdout).toContain('LOST: user:carl does not find diary');
    expect(doctored.stdout).toContain('Lost: 1. Only in the index: 1.');

    const rebuilt = await run(['index', 'rebuild'], env);
    expect(rebuilt).toMatchObject({ code: 0, stderr: '' });
    expect(rebuilt.stdout).toMatch(
      /^Tenant default: read 5 relationships, wrote 1 to the copy and took 1 from it, in \d+\.\d s\.$/m,
    );
    expect((await run(['index', 'verify'], env)).code).toBe(0);
  });

  it('refuses where both are of different moments, and says what to do', async () => {
    const { env } = installation;
    await sql(`UPDATE engine_stores SET closed = 'restored'`);
    for (const command of ['verify', 'rebuild']) {
      expect(await run(['index', command], env)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/run "clearance reconcile" first\.\n$/),
      });
    }
  });

  async function sql(statement: string): Promise<void> {
    const owner = openServer(installation.database.url, { poolSize: 1 });
    await owner.query(statement);
    await owner.close();
  }
});
