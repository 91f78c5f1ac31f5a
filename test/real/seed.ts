import { Readable } from 'node:stream';
import { importDocuments } from '../../ingest/import.ts';
import { importRelationships } from '../../ingest/import-relationships.ts';
import type { WritePath } from '../../ingest/ingest.ts';
import type { Config } from '../../src/config.ts';
import { operatorOf } from '../../src/operator.ts';

export type Lines = { readonly documents: readonly object[]; readonly relationships: readonly object[] };

/** Writes all of it as `clearance ingest` does. Throws where anything is not in force at the end. */
export async function seed(write: WritePath, config: Config, lines: Lines): Promise<void> {
  const operator = await operatorOf(config);
  for await (const { rejected } of importRelationships(write, operator, ndjson(lines.relationships))) {
    if (rejected.length > 0) throw new Error(`rejected: ${JSON.stringify(rejected[0])}`);
  }
  for await (const outcome of importDocuments(write, operator, ndjson(lines.documents))) {
    if (outcome.status !== 'published') throw new Error(`not published: ${JSON.stringify(outcome)}`);
  }
}

function ndjson(lines: readonly object[]): AsyncIterable<Buffer> {
  return Readable.from(lines.map((line) => Buffer.from(`${JSON.stringify(line)}\n`)));
}
