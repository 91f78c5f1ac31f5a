import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importDocuments } from '../../ingest/import.ts';
import { importRelationships } from '../../ingest/import-relationships.ts';
import { openService } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { operatorOf } from '../../src/operator.ts';
import { root } from './cli.ts';
import { knowAgent } from './service.ts';

export const corpus = (name: string): string => join(root, 'demo/corpus', name);

type Expected = {
  readonly counts: Readonly<Record<string, number>>;
  readonly readable: Readonly<Record<string, readonly string[]>>;
  readonly answers: readonly {
    readonly question: string;
    readonly first: Readonly<Record<string, string>>;
  }[];
};
export const expected = JSON.parse(readFileSync(corpus('expected.json'), 'utf8')) as Expected;

/** Makes a data folder that holds the demo's documents, relationships and agent, without those of who has left. */
export async function ingestCorpus(dataDir: string): Promise<Config> {
  const config = readConfig({ CLEARANCE_DATA_DIR: dataDir });
  const service = await openService(config, () => undefined);
  try {
    const operator = await operatorOf(config);
    await knowAgent(service.registry, 'support-bot');
    for await (const { rejected } of importRelationships(
      service.write,
      operator,
      createReadStream(corpus('relationships.ndjson')),
    )) {
      if (rejected.length > 0) throw new Error(JSON.stringify(rejected));
    }
    for await (const outcome of importDocuments(
      service.write,
      operator,
      createReadStream(corpus('documents.ndjson')),
    )) {
      if (outcome.status !== 'published') throw new Error(JSON.stringify(outcome));
    }
  } finally {
    await service.close();
  }
  return config;
}
