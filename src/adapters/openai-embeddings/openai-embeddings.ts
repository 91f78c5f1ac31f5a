import type { Embeddings } from '../../ports/embeddings.ts';
import { ClearanceError, StartupError } from '../../types/errors.ts';
import { batches } from './batches.ts';
import { type Ask, endpoint, Unusable } from './endpoint.ts';

/** pgvector can't index a `vector` of more. */
const MOST_DIMENSIONS = 2_000;
/** What a model of more is asked to shorten its vectors to. */
const SHORTENED = 1_536;
/** For one request with its repetitions. */
const TIMEOUT_MS = 30_000;

export type OpenAiEmbeddings = {
  readonly apiKey: string;
  readonly baseUrl?: string;
  readonly model: string;
  /** Where the model's own is not wanted. */
  readonly dimension?: number;
  readonly timeoutMs?: number;
};

/**
 * A model of an OpenAI-compatible endpoint. One request at the start finds its dimension. A text of
 * nothing but white space is not sent, for OpenAI refuses it, and gives zeros.
 */
export async function openAiEmbeddings(options: OpenAiEmbeddings): Promise<Embeddings> {
  const ask = endpoint(options.apiKey, options.baseUrl, options.timeoutMs ?? TIMEOUT_MS);
  const space = await probe(ask, options.model, options.dimension);
  const { dimension } = space;

  async function embedBatch(input: string[], signal: AbortSignal | undefined): Promise<Float32Array[]> {
    const vectors = await ask({ input, ...space.params }, signal);
    const wrong = vectors.find(({ length }) => length !== dimension);
    if (wrong !== undefined) {
      throw new ClearanceError(
        'embeddings_unavailable',
        `The embeddings endpoint gave a vector of ${wrong.length} dimensions where the model has ${dimension}.`,
      );
    }
    return vectors;
  }

  return {
    model: space.model,
    dimension,
    // Measured with MiniLM run in full, the nearest to these models that was.
    denseWeight: 0.5,
    async embed(texts, signal) {
      const vectors: Float32Array[] = [];
      for (const batch of batches(texts.filter((text) => !isBlank(text)))) {
        vectors.push(...(await embedBatch(batch, signal)));
      }
      const next = vectors.values();
      return texts.map(
        (text) => (isBlank(text) ? undefined : next.next().value) ?? new Float32Array(dimension),
      );
    },
  };
}

function isBlank(text: string): boolean {
  return text.trim() === '';
}

type Params = Omit<Parameters<Ask>[0], 'input'>;
type Space = { readonly model: string; readonly dimension: number; readonly params: Params };

async function probe(ask: Ask, model: string, wanted: number | undefined): Promise<Space> {
  if (wanted !== undefined && wanted > MOST_DIMENSIONS) {
    throw new StartupError(
      `The embedding's dimension is ${wanted}: pgvector's index takes ${MOST_DIMENSIONS} at most.`,
    );
  }
  // Base64 is a quarter of the size; some compatible endpoints refuse it.
  let params: Params = { model };
  let own = await dimensionOf(ask, params).catch(undefinedIfRefused);
  if (own === undefined) {
    params = { model, encoding_format: 'float' };
    own = await dimensionOf(ask, params);
  }
  const dimension = wanted ?? (own > MOST_DIMENSIONS ? SHORTENED : own);
  if (dimension === own) return { model, dimension, params };

  const shortening = { ...params, dimensions: dimension };
  const got = await dimensionOf(ask, shortening).catch(undefinedIfRefused);
  if (got !== dimension) {
    throw new StartupError(
      `The model ${model} has ${own} dimensions and can't be asked for ${dimension}, and pgvector's index takes ` +
        `${MOST_DIMENSIONS} at most: set EMBEDDING_MODEL to another.`,
    );
  }
  // A space of its own: vectors cached for the model's own dimension must not be found under its name.
  return { model: `${model}@${dimension}`, dimension, params: shortening };
}

async function dimensionOf(ask: Ask, params: Params): Promise<number> {
  const [vector] = await ask({ input: ['dimension'], ...params });
  return vector?.length ?? 0;
}

function undefinedIfRefused(error: unknown): undefined {
  if (error instanceof Unusable && (error.httpStatus === 400 || error.httpStatus === 422)) return undefined;
  throw error;
}
