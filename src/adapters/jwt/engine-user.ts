import { ClearanceError } from '../../types/errors.ts';

/** OpenFGA's limit on the user of a tuple. */
const MAX_USER_BYTES = 512;

/** What `encodeURIComponent` encodes but an engine's id may hold, and it leaves these alone: `! ' ( ) *`. */
const readable: Readonly<Record<string, string>> = {
  '%40': '@',
  '%2B': '+',
  '%3D': '=',
  '%2F': '/',
  '%7C': '|',
};
const unsafe = /[!'()*]/g;
/** Stands in no name by itself, so a namespace can't be part of one. */
const AFTER_NAMESPACE = '!';

/**
 * The engine's user for a name that an issuer chose: `user:anne`, `user:%2A`, `user:partner!anne`. Two names never meet and
 * no name can pose as a wildcard, a userset or another type, because `%`, `*`, `:`, `#` and whitespace
 * are always percent-encoded. Relationships are written with the same form.
 */
export function engineUser(type: 'user' | 'agent', name: string, namespace?: string): string {
  if (name === '' || !name.isWellFormed()) {
    throw new ClearanceError('unauthenticated', `The token names the ${type} by something that is not text.`);
  }
  const id = encodeURIComponent(name)
    .replaceAll(/%(?:40|2B|3D|2F|7C)/g, (escape) => readable[escape] ?? escape)
    .replaceAll(unsafe, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const user = `${type}:${namespace === undefined ? '' : `${namespace}${AFTER_NAMESPACE}`}${id}`;
  // Only ASCII is left, so characters are bytes.
  if (user.length > MAX_USER_BYTES) {
    throw new ClearanceError(
      'unauthenticated',
      `The token names the ${type} by more than the ${MAX_USER_BYTES} bytes that the engine takes, once encoded.`,
    );
  }
  return user;
}
