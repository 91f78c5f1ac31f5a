import { OpenFgaApi } from '@openfga/sdk';
import type { z } from 'zod';
import { orAborted } from '../../types/or-aborted.ts';
import { type AccessToken, accessToken, type ClientCredentials } from './access-token.ts';
import { OpenFgaUnusable, readJson, refusal } from './unusable.ts';

export type OpenFgaConfig = {
  readonly apiUrl: string;
  readonly credentials?: { readonly kind: 'token'; readonly token: string } | ClientCredentials;
};

/** What a call hands to the SDK beside its own arguments. */
export type CallOptions = Readonly<Record<string, unknown>>;

/** One call of the SDK; `signal` is the caller's, beside the deadline of its own that every call has. */
export type Call = (api: OpenFgaApi, options: CallOptions) => Promise<unknown>;

export type Transport = {
  /** The answer's text, for what JSON.parse would not show. */
  text(call: Call, signal?: AbortSignal): Promise<string>;
  json<T>(schema: z.ZodType<T>, call: Call, signal?: AbortSignal): Promise<T>;
};

/** Of one call, its token included. OpenFGA gives up after 3 s by itself. */
const DEADLINE_MS = 5_000;
/** A page of 100 tuples with the largest conditions stays below 4 MiB. */
const MAX_ANSWER_BYTES = 16 * 1_024 * 1_024;

/**
 * OpenFGA's SDK with our own deadline. Its retries are off: they obey a Retry-After of half an hour, and no signal
 * wakes them. Answers come as text, for axios takes half a JSON document for a string.
 */
export function transport({ apiUrl, credentials }: OpenFgaConfig): Transport {
  const api = new OpenFgaApi({ apiUrl: apiUrl.replace(/\/+$/, ''), retryParams: { maxRetry: 0 } });
  const token = tokenOf(credentials);

  async function ask(call: Call, signal: AbortSignal): Promise<string> {
    const bearer = await token?.get();
    let text = '';
    try {
      await call(api, {
        signal,
        ...(bearer === undefined ? {} : { headers: { Authorization: `Bearer ${bearer}` } }),
        // What answers in OpenFGA's place is not to see the token.
        maxRedirects: 0,
        maxContentLength: MAX_ANSWER_BYTES,
        // An object, for the SDK spreads what it gets, a text into one property for each character.
        transformResponse: (body: string) => ({ text: (text = body) }),
      });
      return text;
    } catch (error) {
      const refused = refusal(error);
      if (refused.httpStatus === 401) token?.drop();
      throw refused;
    }
  }

  async function textOf(call: Call, signal?: AbortSignal): Promise<string> {
    const timeout = AbortSignal.timeout(DEADLINE_MS);
    const either = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    const why = () => (signal?.aborted ? 'the caller gave it up' : `no answer within ${DEADLINE_MS} ms`);
    // A token that others wait for too is not called back: it is no longer waited for.
    return orAborted(ask(call, either), either, () => new OpenFgaUnusable(why()));
  }

  return {
    text: textOf,
    async json(schema, call, signal) {
      const body = readJson(schema, await textOf(call, signal));
      if (body === undefined) throw new OpenFgaUnusable('its answer is not what it should be');
      return body;
    },
  };
}

function tokenOf(credentials: OpenFgaConfig['credentials']): AccessToken | undefined {
  if (credentials === undefined) return undefined;
  if (credentials.kind === 'client') return accessToken(credentials);
  return { get: () => Promise.resolve(credentials.token), drop: () => {} };
}
