import { createLocalJWKSet, SignJWT } from 'jose';
import { z } from 'zod';
import type { OwnTokens } from '../../ports/own-tokens.ts';
import { DELEGABLE } from '../../types/delegation.ts';
import { tenantName } from '../../types/principal.ts';
import { chainOf, parsed, principal, type Said } from './claims.ts';
import { type Possession, provenKeyOf } from './possession.ts';
import { refused } from './refusal.ts';
import type { SigningKey } from './signing-key.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';
import type { Verifier } from './verify.ts';

/** What the service is as an issuer: distinct from every other, so that none can speak for it nor it for them. */
export type OwnIssuer = {
  readonly issuer: string;
  readonly audience: string;
  /** Its address, where it has one. */
  readonly resource?: string;
  readonly key: SigningKey;
};

const TYPE = 'at+jwt';

/**
 * People and agents are named as relationships name them, namespace and all, so that they stay the same whoever has named them
 * first; `subject_issuer` says who has.
 */
const names = z.array(z.string().regex(/^[\w-]{43}$/));
const claims = z.object({
  sub: z.string().regex(/^(user|agent):[^:#\s*]+$/),
  subject_issuer: z.string().min(1),
  tenant: tenantName,
  scope: z.literal(DELEGABLE),
  act: z.unknown(),
  jti: z.string(),
  revoked_with: z.object({ token: names, session: names, since: z.number().optional() }),
});
const agentName = z.string().regex(/^agent:[^:#\s*]+$/);

export function ownTokens(own: OwnIssuer, possession: Possession | undefined): OwnTokens {
  const { issuer, audience, resource, key } = own;
  return {
    audiences: [audience],
    resources: resource === undefined ? [] : [resource],
    publicKeys: { keys: [{ ...key.publicJwk }] },
    provenKey: (proof) => provenKeyOf(possession, proof),
    issue(id, { principal: { tenant, issuer: subjectIssuer, subject, chain }, ...granted }) {
      const { scopes, expiresAt, boundTo, inherited } = granted;
      const { ofToken: token, ofSession: session, since } = inherited;
      return new SignJWT({
        sub: subject,
        subject_issuer: subjectIssuer,
        tenant,
        client_id: chain[0],
        scope: [...scopes].join(' '),
        act: nested(chain),
        revoked_with: { token, session, ...(since === undefined ? {} : { since }) },
        ...(boundTo === undefined ? {} : { cnf: { jkt: boundTo } }),
      })
        .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: TYPE })
        .setIssuer(issuer)
        .setAudience(audience)
        .setJti(id)
        .setIssuedAt()
        .setExpirationTime(Math.floor(expiresAt.getTime() / 1_000))
        .sign(key.privateKey);
    },
  };
}

/** RFC 8693, section 4.1: the agent that asks is outermost. */
function nested(chain: readonly string[]): unknown {
  return chain.reduceRight<unknown>(
    (act, sub) => ({ sub, ...(act === undefined ? {} : { act }) }),
    undefined,
  );
}

/** Takes them by that one key, and only while the issuer of the person is still one that may speak for them. */
export function ownVerifier(
  { issuer, audience, key }: OwnIssuer,
  issuers: readonly TrustedIssuer[],
): Verifier {
  return {
    trusted: { issuer, audience, userClaim: 'sub', scopes: new Set([DELEGABLE]), senderConstrained: false },
    key: createLocalJWKSet({ keys: [key.publicJwk] }),
    typ: TYPE,
    read: (payload) => said(payload, issuers),
  };
}

function said(payload: Readonly<Record<string, unknown>>, issuers: readonly TrustedIssuer[]): Said {
  const { sub, subject_issuer: issuer, tenant, scope, jti, revoked_with: by } = parsed(claims, payload);
  const trusted = issuers.find((each) => each.issuer === issuer);
  if (trusted === undefined || trusted.tenants?.has(tenant) === false) {
    throw refused('the issuer of its subject may not speak for it here any longer.');
  }
  const chain = chainOf(payload, (hop) => parsed(agentName, hop.sub, 'act.sub'));
  if (chain.length === 0) throw refused('it names no agent ("act").');
  return {
    principal: principal({ tenant, issuer, subject: sub, chain }),
    token: {
      jti,
      inherited: {
        ofToken: by.token,
        ofSession: by.session,
        ...(by.since === undefined ? {} : { since: by.since }),
      },
    },
    scopes: new Set([scope]),
    exchanged: true,
  };
}
