import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshFolder, run, type Served, serve, until } from '../support/cli.ts';
import { joinStore } from '../support/parts.ts';

let service: Served;
let dataDir: string;
const folder = freshFolder();

beforeAll(async () => {
  dataDir = join(freshFolder(), 'data');
  // It keeps the store open, so that each command here starts quickly.
  service = await serve(dataDir);
  return () => service.kill('SIGTERM');
});

const clearance = (...args: string[]) => run(args, { CLEARANCE_DATA_DIR: dataDir });
const ndjson = (...lines: readonly unknown[]) =>
  lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  return path;
}
async function readable(user: string): Promise<Record<string, string>> {
  const { stdout } = await clearance('ask', 'text', '--as', user, '-k', '50', '--json');
  const { results } = JSON.parse(stdout) as { results: { document_id: string; title: string }[] };
  return Object.fromEntries(results.map(({ document_id, title }) => [document_id, title]));
}

describe('clearance ingest', () => {
  it('takes NDJSON, compressed too: names rejected lines, and the rest is in', async () => {
    const relationships = [{ user: 'user:ann', relation: 'viewer' }];
    const path = file(
      'documents.ndjson.gz',
      gzipSync(
        ndjson(
          { id: 'one', title: 'One', text: 'text', relationships },
          'not JSON',
          { id: 'a b', title: 'x', text: 'text' },
          { id: 'two', title: 'Two', text: 'text', relationships },
        ),
      ),
    );
    const { code, stdout, stderr } = await clearance('ingest', path);
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'Documents: 2 published, 0 pending, 2 rejected.\n' });
    expect(stderr).toContain(`${path}:2: The line is not valid JSON`);
    expect(stderr).toContain(`${path}:3: id: holds a space`);
    expect(await readable('ann')).toEqual({ one: 'One', two: 'Two' });
  });

  it('takes a folder and a file of relationships together, and counts the rejects of each', async () => {
    file('notes/a b.md', '# First note\n\ntext of the first');
    file('notes/deep/50%.txt', 'text of the second');
    file('notes/bad.md', Buffer.from([0xff, 0xfe]));
    const paths = ['a%20b.md', 'deep/50%25.txt'];
    const relationships = file(
      'relationships.ndjson',
      ndjson(
        ...paths.map((path) => ({ user: 'folder:notes', relation: 'parent', object: `document:${path}` })),
        { user: 'user:bea', relation: 'enemy', object: 'folder:notes' },
        { user: 'user:bea', relation: 'viewer', object: 'folder:notes' },
      ),
    );
    const { code, stdout, stderr } = await clearance(
      'ingest',
      join(folder, 'notes'),
      '--relationships',
      relationships,
    );
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: 'Relationships: 3 new, 1 rejected.\nDocuments: 2 published, 0 pending, 1 rejected.\n',
    });
    expect(stderr).toMatch(/relationships\.ndjson:3: .*enemy/);
    expect(stderr).toContain(`${join(folder, 'notes/bad.md')}: The file is not valid UTF-8.`);
    expect(await readable('bea')).toEqual({ 'a%20b.md': 'First note', 'deep/50%25.txt': '50%' });
  });

  it.each([
    [
      'is no gzip',
      () => file('plain.ndjson.gz', '{"id":"x"}'),
      /plain\.ndjson\.gz can't be read to its end: incorrect header check/,
    ],
    [
      'breaks off',
      () => file('cut.ndjson.gz', gzipSync('x'.repeat(10_000)).subarray(0, 30)),
      /cut\.ndjson\.gz can't be read to its end: unexpected end of file/,
    ],
  ])('says in a line that a file %s', async (_, make, message) => {
    const { code, stderr } = await clearance('ingest', make());
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('says in a line that relationships are in no file', async () => {
    const { code, stderr } = await clearance('ingest', '--relationships', folder);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^clearance: .*can't be read to its end: EISDIR/);
  });

  it('blames no line where the store goes away under it, and loses none', async () => {
    const path = file(
      'many.ndjson',
      ndjson(...Array.from({ length: 400 }, (_, i) => ({ id: `many-${i}`, title: 'x', text: `text ${i}` }))),
    );
    const ingesting = clearance('ingest', path);
    const database = await joinStore(dataDir);
    await until(async () => {
      const { rows } = await database.query<{ n: number }>(
        `SELECT count(*)::int AS n FROM documents WHERE id LIKE 'many-%'`,
      );
      return (rows[0]?.n ?? 0) > 20;
    }, 'the first documents');
    await database.close();
    service.kill('SIGTERM');
    await service.ended;
    // It takes the store over. What was under way fails: a query ends the import, a step is retried.
    const { code, stdout, stderr } = await ingesting;
    expect(stdout).toMatch(/^Documents: \d+ published, \d+ pending, 0 rejected\.\n$/);
    if (code !== 0) expect(stderr).toMatch(/^clearance: .*The store does not answer\..*$/m);
    expect(await clearance('ingest', path)).toMatchObject({
      code: 0,
      stdout: 'Documents: 400 published, 0 pending, 0 rejected.\n',
    });
  });
});
