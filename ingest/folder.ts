import { isUtf8 } from 'node:buffer';
import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join, relative, sep } from 'node:path';
import type { NdjsonLine } from './ndjson.ts';

const EXTENSIONS = new Set(['.md', '.markdown', '.txt']);

/** A folder's Markdown and text files as documents: the id is the path below the folder, the title the first heading. */
export async function folderDocuments(
  folder: string,
): Promise<{ readonly names: readonly string[]; readonly lines: AsyncIterable<NdjsonLine> }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile() && EXTENSIONS.has(extname(entry.name).toLowerCase()))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  return { names, lines: readFiles(folder, names) };
}

async function* readFiles(folder: string, names: readonly string[]): AsyncGenerator<NdjsonLine> {
  for (const [i, name] of names.entries()) {
    const line = i + 1;
    let bytes: Buffer;
    try {
      bytes = await readFile(name);
    } catch (error) {
      yield {
        kind: 'broken',
        line,
        problem: `The file can't be read: ${error instanceof Error ? error.message : ''}.`,
      };
      continue;
    }
    if (!isUtf8(bytes)) {
      yield { kind: 'broken', line, problem: 'The file is not valid UTF-8.' };
      continue;
    }
    const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
    const title = /^#{1,6}[ \t]+(.+)$/m.exec(text)?.[1]?.trim() ?? basename(name, extname(name));
    yield {
      kind: 'value',
      line,
      value: { id: documentIdOf(relative(folder, name)), title: title.slice(0, 1_000), text },
    };
  }
}

/** What an id may not hold is percent-encoded, `%` too, so that two files never meet in one id. */
function documentIdOf(path: string): string {
  return path
    .split(sep)
    .join('/')
    .replaceAll(/[%\s#:\p{Cc}]/gu, (character) => encodeURIComponent(character));
}
