import { z } from 'zod';
import { OpenFgaUnusable, readJson, refusal } from './unusable.ts';

export type ClientCredentials = {
  readonly kind: 'client';
  readonly clientId: string;
  readonly clientSecret: string;
  /** A host, or the whole URL where the token endpoint is not `/oauth/token`. */
  readonly tokenIssuer: string;
  readonly audience: string;
};

export type AccessToken = {
  get(): Promise<string>;
  /** After a 401: the next one is fetched anew. */
  drop(): void;
};

const TIMEOUT_MS = 4_000;
/** Renewed when a fifth of its life is left, so that no request meets its end. */
const USED_LIFE = 0.8;
/** Where the issuer doesn't say: RFC 6749 only recommends that it does. */
const DEFAULT_LIFE_SECONDS = 300;

const answer = z.object({ access_token: z.string().min(1), expires_in: z.number().positive().optional() });

/**
 * Tokens by client credentials (RFC 6749, section 4.4). The SDK's own fetching has no deadline, obeys a Retry-After
 * of half an hour, and all calls wait for the one that hangs.
 */
export function accessToken(credentials: ClientCredentials): AccessToken {
  let held: { readonly token: string; readonly until: number } | undefined;
  let coming: Promise<string> | undefined;

  async function fetchToken(): Promise<string> {
    const { token, seconds } = await ask(credentials);
    held = { token, until: Date.now() + seconds * 1_000 * USED_LIFE };
    return token;
  }

  return {
    async get() {
      if (held !== undefined && Date.now() < held.until) return held.token;
      coming ??= fetchToken().finally(() => {
        coming = undefined;
      });
      return coming;
    },
    drop() {
      held = undefined;
    },
  };
}

async function ask({ clientId, clientSecret, tokenIssuer, audience }: ClientCredentials) {
  let text: string;
  try {
    const response = await fetch(tokenEndpoint(tokenIssuer), {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret,
        audience,
      }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new OpenFgaUnusable(`its token issuer answered ${response.status}`);
    text = await response.text();
  } catch (error) {
    if (error instanceof OpenFgaUnusable) throw error;
    throw new OpenFgaUnusable(`its token issuer gives no token: ${refusal(error).message}`);
  }
  const body = readJson(answer, text);
  if (body === undefined) throw new OpenFgaUnusable("its token issuer's answer holds no token");
  return { token: body.access_token, seconds: body.expires_in ?? DEFAULT_LIFE_SECONDS };
}

/** As OpenFGA's own clients read the setting. */
export function tokenEndpoint(issuer: string): string {
  const url = new URL(/^https?:\/\//.test(issuer) ? issuer : `https://${issuer}`);
  if (/^\/*$/.test(url.pathname)) url.pathname = '/oauth/token';
  return url.href;
}
