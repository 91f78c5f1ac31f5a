import { createHash } from 'node:crypto';
import { ClearanceError } from '../../types/errors.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';

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
  const user = named(type, name, namespace);
  if (user.length > MAX_USER_BYTES) {
    throw new ClearanceError(
      'unauthenticated',
      `The token names the ${type} by more than the ${MAX_USER_BYTES} bytes that the engine takes, once encoded.`,
    );
  }
  return user;
}

/**
 * For records: whom a login of these issuers is of. The engine's user, where its people are known by their `sub`; else, or where
 * that is too long for an engine, a person of that name whom nobody is.
 */
export function loginNames(
  issuers: readonly TrustedIssuer[],
): (login: { readonly issuer: string; readonly subject: string }) => string {
  const namespaces = new Map(issuers.map(({ issuer, namespace }) => [issuer, namespace]));
  return ({ issuer, subject }) => {
    const namespace = namespaces.get(issuer);
    const user = named('user', subject.toWellFormed(), namespace);
    if (user.length <= MAX_USER_BYTES) return user;
    return named('user', createHash('sha256').update(subject).digest('base64url'), namespace);
  };
}

/** Only ASCII is left, so its characters are bytes. */
function named(type: 'user' | 'agent', name: string, namespace: string | undefined): string {
  const id = encodeURIComponent(name)
    .replaceAll(/%(?:40|2B|3D|2F|7C)/g, (escape) => readable[escape] ?? escape)
    .replaceAll(unsafe, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${type}:${namespace === undefined ? '' : `${namespace}${AFTER_NAMESPACE}`}${id}`;
}
