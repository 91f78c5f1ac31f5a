/** A tuple's or a question's `user`, taken apart. */
export type Subject = {
  /** As it was written: `user:anne`, `user:*`, `group:eng#member`. */
  readonly text: string;
  readonly type: string;
  /** `group:eng` of `group:eng#member`. */
  readonly object: string;
  /** `member` of `group:eng#member`; undefined for what is no userset. */
  readonly relation: string | undefined;
  readonly isWildcard: boolean;
  /** What a model calls it: `user`, `user:*` or `group#member`. */
  readonly label: string;
};

/** The text is assumed to be well-formed. */
export function parseSubject(text: string): Subject {
  const hash = text.lastIndexOf('#');
  const object = hash < 0 ? text : text.slice(0, hash);
  const relation = hash < 0 ? undefined : text.slice(hash + 1);
  const type = typeOf(object);
  const isWildcard = relation === undefined && object.length === type.length + 2 && object.endsWith(':*');
  const label = relation === undefined ? (isWildcard ? object : type) : `${type}#${relation}`;
  return { text, type, object, relation, isWildcard, label };
}

export function typeOf(object: string): string {
  return object.slice(0, Math.max(0, object.indexOf(':')));
}
