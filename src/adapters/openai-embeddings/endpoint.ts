import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { APIConnectionError, APIError } from 'openai';
import type { EmbeddingCreateParams } from 'openai/resources/embeddings';
import { ClearanceError } from '../../types/errors.ts';
import { BadAnswer, readVectors } from './answer.ts';

const MOST_ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;
const DEFAULT_URL = 'https://api.openai.com/v1';

/** `input` is the texts; `signal` is the caller's, beside the endpoint's own time-out. */
export type Ask = (
  params: Omit<EmbeddingCreateParams, 'input'> & { readonly input: string[] },
  signal?: AbortSignal,
) => Promise<Float32Array[]>;

/**
 * Asks an OpenAI-compatible endpoint, again after 408, 429, 5xx and broken connections, until
 * `timeoutMs` have passed in all. The SDK's own retries are off: they obey a Retry-After of hours, and
 * no signal wakes them. Its log is off too, for it can print texts.
 */
export function endpoint(apiKey: string, baseUrl: string | undefined, timeoutMs: number): Ask {
  // Null, where leaving it out would let the SDK read the environment.
  const client = new OpenAI({
    apiKey,
    baseURL: baseUrl ?? DEFAULT_URL,
    adminAPIKey: null,
    organization: null,
    project: null,
    maxRetries: 0,
    logLevel: 'off',
  });

  return async (params, signal) => {
    const deadline = Date.now() + timeoutMs;
    const timeout = AbortSignal.timeout(timeoutMs);
    const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    for (let attempt = 1; ; attempt++) {
      try {
        // Named, so that the SDK leaves the decoding to us: its own makes garbage of an answer in numbers.
        const body: unknown = await client.embeddings.create(
          { encoding_format: 'base64', ...params },
          { signal: either },
        );
        return readVectors(body, params.input.length);
      } catch (error) {
        if (signal?.aborted) throw new Unusable('the caller gave it up');
        const wait = waitBefore(attempt, error);
        if (timeout.aborted) throw new Unusable(`no answer within ${timeoutMs} ms`);
        if (wait === undefined || attempt === MOST_ATTEMPTS || Date.now() + wait > deadline)
          throw refusal(error);
        await sleep(wait, undefined, { signal: either }).catch(() => {});
      }
    }
  };
}

/** Milliseconds, or undefined where asking again can't help. */
function waitBefore(attempt: number, error: unknown): number | undefined {
  const own = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
  if (error instanceof BadAnswer) return undefined;
  // No status: a broken connection, or a body that breaks off.
  if (!(error instanceof APIError) || typeof error.status !== 'number') return own;
  if (error.status !== 408 && error.status !== 429 && error.status < 500) return undefined;
  const headers: Headers | undefined = error.headers;
  return Math.max(own, retryAfter(headers?.get('retry-after') ?? ''));
}

/** RFC 9110, section 10.2.3: seconds or a date. */
function retryAfter(header: string): number {
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? 0 : ms;
}

/** Keeps the endpoint's status, for a request can be refused for what it asks. */
export class Unusable extends ClearanceError {
  readonly httpStatus: number | undefined;

  constructor(reason: string, httpStatus?: number) {
    super('embeddings_unavailable', `The embeddings endpoint can't be used: ${reason}.`);
    this.httpStatus = httpStatus;
  }
}

/**
 * Endpoints repeat keys and texts in what they say, and errors end up in logs, so nothing of it is
 * passed on, not as a cause either, but the status.
 */
function refusal(error: unknown): Unusable {
  if (error instanceof BadAnswer) return new Unusable(`its answer is wrong, ${error.message}`);
  if (error instanceof APIConnectionError) return new Unusable('it is not reached');
  if (error instanceof APIError && typeof error.status === 'number') {
    return new Unusable(`it answered ${error.status}${meaning[error.status] ?? ''}`, error.status);
  }
  return new Unusable('its answer is not JSON or breaks off');
}

const meaning: Readonly<Record<number, string>> = {
  401: ', so the key is wrong',
  403: ', so the key may not use it',
  404: ', so the URL or the model is wrong',
  413: ', so a text is too long',
  429: ', so a limit of its own is used up',
};
