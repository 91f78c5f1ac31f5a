import type { TupleKey } from './tuple.ts';

/** The formats of OpenFGA's strings (its pkg/tuple and its API's limits). */

const MAX_OBJECT_BYTES = 256;
const MAX_USER_BYTES = 512;
const MAX_RELATION_BYTES = 50;

const objectFormat = /^[^#: \p{Cc}]+:[^#: \p{Cc}]+$/u;
const relationFormat = /^[^#:@ \p{Cc}]+$/u;
const usersetFormat = /^[^#: \p{Cc}]+:[^#:* \p{Cc}]+#[^#:* \p{Cc}]+$/u;

/** Its length is of no concern where it is looked up in a model: none has a longer one than OpenFGA takes. */
export function isRelation(text: string): boolean {
  return relationFormat.test(text);
}

/** `type:id`, `type:*` or `type:id#relation`: a `*` stands before no `#`, so there are no usersets of `group:*`. */
export function userFormatProblem(user: string): string | undefined {
  if (isTooLong(user, MAX_USER_BYTES)) return "the 'user' field is too long";
  if (objectFormat.test(user) || usersetFormat.test(user)) return undefined;
  return "the 'user' field must be an object (e.g. document:1) or an 'object#relation' or a typed wildcard (e.g. group:*)";
}

/** `type:id`: one colon, something on both sides, no `#`, space or control character. */
export function objectFormatProblem(object: string): string | undefined {
  if (isTooLong(object, MAX_OBJECT_BYTES)) return "the 'object' field is too long";
  return objectFormat.test(object) ? undefined : "invalid 'object' field format";
}

/** Why there can be no tuple of this key under any model. */
export function keyFormatProblem({ user, relation, object }: TupleKey): string | undefined {
  const malformed = !isRelation(relation) || isTooLong(relation, MAX_RELATION_BYTES);
  return (
    userFormatProblem(user) ??
    objectFormatProblem(object) ??
    (malformed ? "the 'relation' field is malformed" : undefined)
  );
}

function isTooLong(text: string, bytes: number): boolean {
  // A UTF-16 unit takes at most three bytes of UTF-8.
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}
