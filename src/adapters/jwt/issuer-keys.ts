import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { ClearanceError } from '../../types/errors.ts';
import { isSafeUrl } from './trusted-issuer.ts';

const TIMEOUT_MS = 5_000;
/** After it could not be read, an issuer is left alone: else each token that comes meanwhile would ask again. */
const AFTER_FAILURE_MS = 5_000;
const MAX_BYTES = 256 * 1024;
const MAX_KEYS = 100;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS) });

/**
 * An issuer's keys. They are found by discovery when the first token comes, kept for ten minutes and read again for an
 * unknown key, at most every 30 seconds (jose's defaults), so a flood of made-up tokens is no flood at the issuer. Where they can no
 * longer be read, they are looked for by discovery again.
 */
export function issuerKeys(issuer: string): JWTVerifyGetKey {
  const read = politely();
  let discovered: Promise<Keys> | undefined;
  const keys = (): Promise<Keys> => {
    discovered ??= discover(issuer, read).catch((error: unknown) => {
      discovered = undefined;
      throw error;
    });
    return discovered;
  };
  return async (header, token) => {
    const found = keys();
    let held: Keys | undefined;
    try {
      held = await found;
      return await held(header, token);
    } catch (error) {
      // Too old to be used, and not to be read again where they were: the issuer may have moved them.
      if (held?.fresh === false && discovered === found) discovered = undefined;
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
        throw error;
      }
      throw new ClearanceError(
        'identity_unavailable',
        `The keys of ${issuer} can't be read at the moment, so no token can be verified.`,
        { cause: error },
      );
    }
  };
}

type Keys = ReturnType<typeof createRemoteJWKSet>;

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string, read: Read): Promise<Keys> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const addressOfKeys = (document: unknown) => {
    const { issuer: named, jwks_uri } = discovery.parse(document);
    if (named !== issuer) throw new Error(`${url} speaks for the issuer ${named}, not for ${issuer}`);
    if (!isSafeUrl(jwks_uri)) throw new Error(`${url} names keys that are not under https: ${jwks_uri}`);
    return jwks_uri;
  };
  const address = await read(url, addressOfKeys, AbortSignal.timeout(TIMEOUT_MS));
  const keys = createRemoteJWKSet(new URL(address), {
    timeoutDuration: TIMEOUT_MS,
    [customFetch]: async (of, { signal }) =>
      Response.json(await read(of, (document) => keySet.parse(document), signal)),
  });
  // Counts as discovered once the keys could be read; an address that leads nowhere is looked up again.
  await keys.reload();
  return keys;
}

type Read = <T>(url: string, parse: (document: unknown) => T, signal: AbortSignal) => Promise<T>;

/** Reads JSON, of a size that one can keep; after a failure, or what can't be used, not at once again. */
function politely(): Read {
  let failed: { readonly until: number; readonly error: unknown } | undefined;
  return async (url, parse, signal) => {
    if (failed !== undefined && Date.now() < failed.until) throw failed.error;
    try {
      const response = await fetch(url, { redirect: 'error', signal });
      if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
      return parse(JSON.parse(await textOf(response, url)));
    } catch (error) {
      failed = { until: Date.now() + AFTER_FAILURE_MS, error };
      throw error;
    }
  };
}

async function textOf({ body }: Response, url: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    parts.push(part);
    bytes += part.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`${url} answered more than ${MAX_BYTES} bytes`);
  }
  return Buffer.concat(parts).toString('utf8');
}
