import type { Identity } from '../ports/identity.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Presented } from '../types/presented.ts';
import type { Credentials, Scope } from '../types/principal.ts';

/** Who is asking, from the token and nothing else. Throws `unauthenticated` or, for a token without the scope, `forbidden`. */
export async function authenticate(
  identity: Identity,
  presented: Presented | undefined,
  ...anyOf: readonly Scope[]
): Promise<Credentials> {
  if (presented === undefined || presented === '') {
    throw new ClearanceError('unauthenticated', 'Send a token: Authorization: Bearer <JWT>.');
  }
  const credentials = await identity.verify(presented);
  if (!anyOf.some((scope) => credentials.scopes.has(scope))) {
    throw new ClearanceError(
      'forbidden',
      `The token lacks the scope ${anyOf.map((scope) => `"${scope}"`).join(' or ')}.`,
    );
  }
  return credentials;
}
