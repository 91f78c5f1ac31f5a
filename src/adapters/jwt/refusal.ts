import { errors } from 'jose';
import { ClearanceError } from '../../types/errors.ts';

/** Says what jose found wrong. Its errors carry the claims, so none is passed on as a cause. */
export function refusal(error: unknown, issuer: string, audience: string): ClearanceError {
  if (error instanceof ClearanceError) return error;
  if (error instanceof errors.JWTExpired) {
    return expired();
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return refused(`it has no claim "${error.claim}".`);
    if (error.claim === 'aud')
      return refused(`it is meant for another audience ("aud"); expected ${audience}.`);
    if (error.claim === 'nbf') return refused('it is not valid yet ("nbf").');
    return refused(`its claim "${error.claim}" is not usable.`);
  }
  if (error instanceof errors.JWKSNoMatchingKey) {
    return refused(`it was signed with a key ("kid" and "alg") that ${issuer} does not publish.`);
  }
  if (error instanceof errors.JWKSMultipleMatchingKeys) {
    return refused(`${issuer} publishes several keys with the same "kid".`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return refused('its signature is wrong.');
  }
  return refused('it could not be verified.');
}

export function expired(): ClearanceError {
  return refused('it has expired ("exp"); get a new one.');
}

export function refused(reason: string): ClearanceError {
  return new ClearanceError('unauthenticated', `The token is refused: ${reason}`);
}
