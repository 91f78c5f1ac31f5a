import { postgresCandidateIndex } from '../../src/adapters/postgres/search/candidate-index.ts';
import { openServer } from '../../src/adapters/postgres/server.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import type { Config } from '../../src/config.ts';
import type { CandidateIndex } from '../../src/ports/search.ts';
import { everywhere } from '../search/scopes.ts';
import { joinStore } from './parts.ts';

/** The service's search as if everyone could read everything: what is then not released was withheld by enforcement alone. */
export async function unnarrowed({
  config,
}: {
  readonly config: Config;
}): Promise<{ readonly index: CandidateIndex; close(): Promise<void> }> {
  const database =
    config.database === undefined
      ? await joinStore(config.dataDir)
      : openServer(config.database.url, { poolSize: 10, unhurried: false });
  return {
    index: postgresCandidateIndex(database, await staticEmbeddings(), everywhere),
    close: () => database.close(),
  };
}
