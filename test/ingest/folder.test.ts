import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderDocuments } from '../../ingest/folder.ts';
import { parseDocumentLine } from '../../ingest/parse.ts';
import { freshFolder } from '../support/cli.ts';
import { collect } from '../support/collect.ts';

function folderOf(files: Readonly<Record<string, string | Buffer>>): string {
  const folder = freshFolder();
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return folder;
}

async function read(files: Readonly<Record<string, string | Buffer>>) {
  const { names, lines } = await folderDocuments(folderOf(files));
  return { names, lines: await collect(lines) };
}

async function documents(files: Readonly<Record<string, string | Buffer>>) {
  const { lines } = await read(files);
  return lines.map((line) => (line.kind === 'value' ? parseDocumentLine(line.value) : line));
}

describe('a folder of documents', () => {
  it('is its Markdown and text files, nested ones too, in order', async () => {
    const found = await documents({
      'b.md': 'b',
      'a.txt': 'a',
      'deep/er/c.markdown': 'c',
      'D.MD': 'd',
      'image.png': 'x',
      'no-extension': 'x',
      'notes.md.bak': 'x',
    });
    expect(found.map((document) => 'id' in document && document.id)).toEqual([
      'D.MD',
      'a.txt',
      'b.md',
      'deep/er/c.markdown',
    ]);
  });

  it('gives every path an id of its own, which the write path takes', async () => {
    const names = [
      'a b.md',
      'a%20b.md',
      'c#1.md',
      'c%231.md',
      'x:y.md',
      'tab\there.md',
      'ümlaut.md',
      '*.md',
      'n\u00a0b.md',
      'new\nline.md',
    ];
    const found = await documents(Object.fromEntries(names.map((name) => [name, 'text'])));
    const ids = found.map((document) => ('id' in document ? document.id : document));
    expect(ids.toSorted()).toEqual(
      [
        'a%20b.md',
        'a%2520b.md',
        'c%231.md',
        'c%25231.md',
        'x%3Ay.md',
        'tab%09here.md',
        'ümlaut.md',
        '*.md',
        'n%C2%A0b.md',
        'new%0Aline.md',
      ].toSorted(),
    );
  });

  it.each([
    ['the first heading', 'intro\n\n## Second level \n\n# First', 'Second level'],
    ['a heading behind CRLF', '# Title\r\n\r\ntext', 'Title'],
    ['a heading behind a byte order mark', '\uFEFF# Title\ntext', 'Title'],
    ['the file name where there is none', '#hashtag and text', 'note'],
    ['at most 1,000 characters', `# ${'x'.repeat(2_000)}`, 'x'.repeat(1_000)],
  ])('is titled by %s', async (_, text, title) => {
    expect(await documents({ 'note.md': text })).toEqual([expect.objectContaining({ id: 'note.md', title })]);
  });

  it('reports a file that is no text or is gone, and goes on', async () => {
    const folder = folderOf({ 'a.md': 'a', 'b.md': Buffer.from([0x61, 0xff]), 'c.md': 'c', 'd.md': 'd' });
    const { names, lines } = await folderDocuments(folder);
    writeFileSync(join(folder, 'e.md'), 'too late');
    rmSync(join(folder, 'c.md'));
    expect(await collect(lines)).toMatchObject([
      { kind: 'value', line: 1 },
      { kind: 'broken', line: 2, problem: 'The file is not valid UTF-8.' },
      { kind: 'broken', line: 3, problem: expect.stringMatching(/^The file can't be read: .*no such file/) },
      { kind: 'value', line: 4 },
    ]);
    expect(names.map((name) => name.slice(folder.length))).toEqual(['/a.md', '/b.md', '/c.md', '/d.md']);
  });
});
