import type { Identity } from '../../ports/identity.ts';
import type { SecurityEvents } from '../../ports/security-events.ts';
import { StartupError } from '../../types/errors.ts';
import { issuerKeys } from './issuer-keys.ts';
import type { Possession } from './possession.ts';
import { issuerEvents } from './security-events.ts';
import { isSafeUrl, type TrustedIssuer } from './trusted-issuer.ts';
import { jwtIdentity, type Verifier } from './verify.ts';

/** Access tokens of OpenID Connect issuers. */
export function oidcIdentity(
  issuers: readonly TrustedIssuer[],
  possession?: Possession,
  own?: Verifier,
): Identity {
  for (const { issuer, senderConstrained } of issuers) {
    if (!isSafeUrl(issuer)) {
      throw new StartupError(
        `OIDC_ISSUER must be an https URL (http only on this machine): whoever is on the way could swap its keys. It is ${issuer}`,
      );
    }
    if (senderConstrained && possession === undefined) {
      throw new StartupError(
        `Tokens of ${issuer} have to be bound to a key: set PUBLIC_URL to where callers reach the service.`,
      );
    }
  }
  return jwtIdentity(oidcVerifiers(issuers), possession, own);
}

/** With keys of their own, which are read when the first token comes. */
function oidcVerifiers(issuers: readonly TrustedIssuer[]): readonly Verifier[] {
  return issuers.map((trusted) => ({ trusted, key: issuerKeys(trusted.issuer) }));
}

/** Their statements. Anyone may send some, so what is looked up for them never stands in the way of access tokens. */
export function oidcEvents(issuers: readonly TrustedIssuer[]): SecurityEvents {
  return issuerEvents(oidcVerifiers(issuers));
}
