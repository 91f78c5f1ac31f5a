import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, jwtVerify } from 'jose';
import { z } from 'zod';
import type { UsedProofs } from '../../ports/used-proofs.ts';
import { ClearanceError } from '../../types/errors.ts';
import type { BoundToken, KeyProof, Presented, ProvenKey } from '../../types/presented.ts';
import { algorithms, CLOCK_TOLERANCE_SECONDS, MAX_TOKEN_LENGTH } from './limits.ts';
import { refused } from './refusal.ts';

/** How long after it was made a proof is taken. */
const PROOF_LIFETIME_SECONDS = 60;

export type Possession = {
  /** Where callers reach the service. Not read from a request: what a proof was made for elsewhere would count here. */
  readonly publicUrl: string;
  readonly used: UsedProofs;
};

const confirmation = z.strictObject({ jkt: z.string().regex(/^[\w-]{43}$/) });
const claims = z.object({
  iat: z.number(),
  jti: z.string().min(1).max(200),
  htm: z.string(),
  htu: z.url(),
  ath: z.string().optional(),
});

/**
 * The key of a token, where it is bound to one. Refuses a token that is bound to a key (RFC 9449) unless its presenter proves to hold that key, for this request and for the
 * first time; and one that is not bound, where it is presented as such or its issuer's have to be.
 */
export async function requirePossession(
  possession: Possession | undefined,
  presented: Presented,
  { cnf }: JWTPayload,
  senderConstrained: boolean,
): Promise<string | undefined> {
  if (cnf === undefined) {
    if (senderConstrained) throw refused('its issuer has to bind it to a key of yours ("cnf").');
    if (typeof presented !== 'string' && 'proof' in presented) {
      throw refused('it is not bound to a key: send it as a bearer token.');
    }
    return undefined;
  }
  const bound = confirmation.safeParse(cnf);
  if (!bound.success) throw refused('it is bound to a key by other means than DPoP ("cnf").');
  if (typeof presented === 'string') {
    throw refused(
      'it is bound to a key: send it as "Authorization: DPoP", with a proof in the header "DPoP".',
    );
  }
  const { jkt } = bound.data;
  if ('provenKey' in presented) {
    if (presented.provenKey === jkt) return jkt;
    throw refused('it is bound to a key: send a proof of holding that key in the header "DPoP".');
  }
  if (possession === undefined) {
    throw refused('it is bound to a key, and this service was not told its own address (PUBLIC_URL).');
  }
  await requireProof(possession, presented, jkt);
  return jkt;
}

async function requireProof(possession: Possession, presented: BoundToken, jkt: string): Promise<void> {
  const proof = await readProof(possession, presented);
  if (proof.jkt !== jkt) {
    throw proofRefused('it was signed with another key than the token is bound to.');
  }
  if (proof.ath === undefined) throw proofRefused('it lacks "ath".');
  if (proof.ath !== createHash('sha256').update(presented.token).digest('base64url')) {
    throw proofRefused('it was made for another token ("ath").');
  }
  await useOnce(possession, proof);
}

/** The key that made a proof for a request without a token in its head, as one for a token is (RFC 9449, section 5). */
export async function provenKeyOf(
  possession: Possession | undefined,
  presented: KeyProof,
): Promise<ProvenKey> {
  if (possession === undefined) {
    throw proofRefused('this service was not told its own address (PUBLIC_URL).');
  }
  const proof = await readProof(possession, presented);
  await useOnce(possession, proof);
  return proof.jkt as ProvenKey;
}

type Proof = {
  readonly jkt: string;
  readonly jti: string;
  readonly iat: number;
  readonly ath: string | undefined;
};

/** All that can be said against a proof by itself; whether it was used before is asked last, for that uses it. */
async function readProof({ publicUrl }: Possession, { proof, method, path }: KeyProof): Promise<Proof> {
  if (proof.length > MAX_TOKEN_LENGTH)
    throw proofRefused(`it is longer than ${MAX_TOKEN_LENGTH} characters.`);
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
    algorithms,
    typ: 'dpop+jwt',
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    maxTokenAge: PROOF_LIFETIME_SECONDS,
  }).catch(() => {
    throw proofRefused(
      'it is no JWT of the type "dpop+jwt", signed with the key in its header, of the last minute.',
    );
  });
  const read = claims.safeParse(payload);
  if (!read.success)
    throw proofRefused('it lacks one of "iat", "jti", "htm" and "htu", or one can not be read.');
  const { iat, jti, htm, htu, ath } = read.data;
  const { jwk } = protectedHeader;
  if (jwk === undefined) throw proofRefused('it has no key in its header.');
  if (htm !== method)
    throw proofRefused(`it was made for ${htm.slice(0, 10)}, and this is ${method} ("htm").`);
  if (withoutQuery(htu) !== withoutQuery(`${publicUrl.replace(/\/$/, '')}${path}`)) {
    throw proofRefused('it was made for another address ("htu").');
  }
  return { jkt: await calculateJwkThumbprint(jwk), jti, iat, ath };
}

async function useOnce({ used }: Possession, { jkt, jti, iat }: Proof): Promise<void> {
  const until = new Date((iat + PROOF_LIFETIME_SECONDS + 2 * CLOCK_TOLERANCE_SECONDS) * 1_000);
  const id = createHash('sha256')
    .update(JSON.stringify([jkt, jti]))
    .digest();
  if (!(await isFirst(used, id, until)))
    throw proofRefused('it was used before ("jti"): make one for each request.');
}

async function isFirst(used: UsedProofs, id: Uint8Array, until: Date): Promise<boolean> {
  try {
    return await used.use(id, until);
  } catch (cause) {
    throw new ClearanceError(
      'identity_unavailable',
      'Whether the proof was used before can not be told at the moment, so it is not taken. Try again.',
      { cause },
    );
  }
}

function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

function proofRefused(reason: string): ClearanceError {
  return new ClearanceError('unauthenticated', `The proof of possession ("DPoP") is refused: ${reason}`);
}
