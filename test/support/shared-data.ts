import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const root = join(import.meta.dirname, '../../../shared/data');

/** Where a data set of the maintainers' lies, or undefined with a plain word that its tests are skipped. */
export function sharedData(name: string): string | undefined {
  const folder = join(root, name);
  if (existsSync(folder)) return folder;
  console.warn(`Skipped: ${folder} is not there. These tests need the maintainers' data set "${name}".`);
  return undefined;
}

export function readNdjson<T>(file: string): T[] {
  const bytes = readFileSync(file);
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}
