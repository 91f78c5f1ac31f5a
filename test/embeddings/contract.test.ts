import { afterAll, beforeAll } from 'vitest';
import { openAiEmbeddings } from '../../src/adapters/openai-embeddings/openai-embeddings.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import { embeddingsContract } from './contract.ts';
import { type Endpoint, startEndpoint } from './wire.ts';

embeddingsContract('static table', staticEmbeddings);

for (const base64 of ['given', 'refused', 'ignored'] as const) {
  let endpoint: Endpoint;
  beforeAll(async () => {
    endpoint = await startEndpoint({ base64 });
  });
  afterAll(() => endpoint[Symbol.asyncDispose]());
  embeddingsContract(`OpenAI-compatible endpoint, base64 ${base64}`, () =>
    openAiEmbeddings({ apiKey: 'sk-test', baseUrl: endpoint.baseUrl, model: 'bag-of-words' }),
  );
}
