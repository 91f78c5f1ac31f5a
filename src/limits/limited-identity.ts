import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Identity } from '../ports/identity.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Credentials, Principal } from '../types/principal.ts';

/** A pipeline sends each document as a request of its own, and serves not one person but all. */
const WRITER_FACTOR = 20;

/**
 * Counts each principal's requests, here where every door passes once a request, in windows of a minute. In memory: each
 * copy of the service has counts of its own, so n copies let n times as many through.
 */
export function limitedIdentity(identity: Identity, perMinute: number): Identity {
  return limited(identity, perMinute, ({ principal }) => keyOf(principal));
}

/** Counts as many for each token: before it is known whether it was revoked, whoever presents it is not yet the principal. */
export function limitedTokens(identity: Identity, perMinute: number): Identity {
  return limited(identity, perMinute, ({ token }) => token.hash);
}

function limited(identity: Identity, perMinute: number, nameOf: (of: Credentials) => string): Identity {
  const readers = new RateLimiterMemory({ points: perMinute, duration: 60 });
  const writers = new RateLimiterMemory({ points: perMinute * WRITER_FACTOR, duration: 60 });
  return {
    async verify(presented) {
      const credentials = await identity.verify(presented);
      const limiter = mayWrite(credentials) ? writers : readers;
      try {
        await limiter.consume(nameOf(credentials));
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        const seconds = Math.max(1, Math.ceil(refusal.msBeforeNext / 1_000));
        throw new ClearanceError('rate_limited', `Too many requests. Try again in ${seconds} s.`, {
          retryAfter: seconds,
        });
      }
      return credentials;
    },
    requireStanding: (credentials) => identity.requireStanding(credentials),
  };
}

function mayWrite({ scopes }: Credentials): boolean {
  return scopes.has('ingest') || scopes.has('admin');
}

function keyOf({ tenant, issuer, subject, chain }: Principal): string {
  return JSON.stringify([tenant, issuer, subject, ...chain]);
}
