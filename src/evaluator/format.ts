/** The formats of OpenFGA's strings (its pkg/tuple and its API's limits). */

const MAX_OBJECT_BYTES = 256;
const MAX_RELATION_CHARACTERS = 50;
const MAX_USER_BYTES = 512;

const control = /\p{Cc}/u;
const objectFormat = /^[^#: ]+:[^#: ]+$/u;
const relationFormat = /^[^#:@ ]+$/u;
const usersetFormat = /^[^#: ]+:[^#:* ]+#[^#:* ]+$/u;

/** `type:id`: one colon, something on both sides, no `#`, space or control character. */
export function isObject(text: string): boolean {
  return objectFormat.test(text) && !control.test(text);
}

/** `type:id#relation`; a `*` after the colon is refused, so there are no usersets of `group:*`. */
export function isUserset(text: string): boolean {
  return usersetFormat.test(text) && !control.test(text);
}

export function isRelation(text: string): boolean {
  return relationFormat.test(text) && !control.test(text);
}

export function isTooLong(what: 'object' | 'relation' | 'user', text: string): boolean {
  switch (what) {
    case 'object':
      return Buffer.byteLength(text) > MAX_OBJECT_BYTES;
    case 'relation':
      return Array.from(text).length > MAX_RELATION_CHARACTERS;
    default:
      return Buffer.byteLength(text) > MAX_USER_BYTES;
  }
}
