import type { Config } from '../../config.ts';
import { reembedStore } from '../../operations.ts';
import { StartupError } from '../../types/errors.ts';
import { progressBar } from './progress.ts';
import { findService } from './running-service.ts';

export async function reembedAll(config: Config): Promise<void> {
  if ((await findService(config.dataDir)) !== undefined) {
    throw new StartupError(
      'A service runs on this data folder. Stop it first: it would search with the former model.',
    );
  }
  const bar = progressBar('Embedding', 'passages');
  try {
    const { passages, model } = await reembedStore(config, (done, of) => bar.at(done, of));
    bar.stop();
    console.log(`${passages} passages now have embeddings of ${model}.`);
  } finally {
    bar.stop();
  }
}
