import { postgresCandidateIndex } from '../../src/adapters/postgres/search/candidate-index.ts';
import { openServer } from '../../src/adapters/postgres/server.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import type { Config } from '../../src/config.ts';
import type { PermissionIndex } from '../../src/ports/permission-index.ts';
import type { CandidateIndex } from '../../src/ports/search.ts';
import { joinStore } from './parts.ts';

/** A permission index that can't say anything of anyone. */
export const everywhere: PermissionIndex = {
  scope: () => Promise.resolve({ watermark: '1', kind: 'everywhere', why: 'There is no telling.' }),
};

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
