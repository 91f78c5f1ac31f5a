/** A type restriction: who a tuple of the relation may name as its user. */
export type Restriction = {
  readonly type: string;
  /** For a userset, `member` of `group#member`. */
  readonly relation?: string | undefined;
  readonly wildcard: boolean;
  readonly condition?: string | undefined;
};

/** How a relation follows from others, names already resolved. */
export type Rewrite =
  | { readonly kind: 'direct' }
  | { readonly kind: 'computed'; readonly relation: Relation }
  | {
      readonly kind: 'from';
      /** The relation whose tuples lead to the other objects. */
      readonly tupleset: Relation;
      /** What is asked of those objects, by their type; one of a type without it is passed over. */
      readonly targets: ReadonlyMap<string, Relation>;
    }
  | { readonly kind: 'union'; readonly children: readonly Rewrite[] }
  | { readonly kind: 'intersection'; readonly children: readonly Rewrite[] }
  | { readonly kind: 'exclusion'; readonly base: Rewrite; readonly subtract: Rewrite };

/** One relation of one type, compiled. */
export type Relation = {
  /** Its place in `Model.relations`. */
  readonly index: number;
  readonly type: string;
  readonly name: string;
  readonly rewrite: Rewrite;
  /** Those of its direct part; empty where it has none. */
  readonly restrictions: readonly Restriction[];
  readonly usersetRestrictions: readonly Restriction[];
  /** Whether some relation of the type is defined as `x from` this one. */
  readonly isTupleset: boolean;
  /** Every `user`, `user:*` and `group#member` from which the rewrites lead here, itself included. */
  readonly reachableFrom: ReadonlySet<string>;
  /** Whether anything that decides this relation, however far away, is a `but not`. */
  readonly mayExclude: boolean;
};
