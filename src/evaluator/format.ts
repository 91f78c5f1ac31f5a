/** The formats of OpenFGA's strings (its pkg/tuple and its API's limits). */

const MAX_OBJECT_BYTES = 256;
const MAX_USER_BYTES = 512;

const objectFormat = /^[^#: \p{Cc}]+:[^#: \p{Cc}]+$/u;
const relationFormat = /^[^#:@ \p{Cc}]+$/u;
const usersetFormat = /^[^#: \p{Cc}]+:[^#:* \p{Cc}]+#[^#:* \p{Cc}]+$/u;

/** `type:id`: one colon, something on both sides, no `#`, space or control character. */
export function isObject(text: string): boolean {
  return objectFormat.test(text);
}

/** `type:id#relation`; a `*` after the colon is refused, so there are no usersets of `group:*`. */
export function isUserset(text: string): boolean {
  return usersetFormat.test(text);
}

export function isRelation(text: string): boolean {
  return relationFormat.test(text);
}

/** Relations need no limit of their own: a model has none that is longer than 50 characters. */
export function isTooLong(what: 'object' | 'user', text: string): boolean {
  const bytes = what === 'object' ? MAX_OBJECT_BYTES : MAX_USER_BYTES;
  // A UTF-16 unit takes at most three bytes of UTF-8.
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}
