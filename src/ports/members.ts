/** Whom an entry of an audience may stand for. */
export type Membership =
  | {
      readonly kind: 'people';
      /** Engine ids, of people and of agents. */
      readonly people: readonly string[];
      /** False where they may be more than there are: a condition, a "but not" or an "and" was passed over. */
      readonly exact: boolean;
    }
  /** Nobody, or nothing that the model knows. */
  | { readonly kind: 'nobody' }
  /** More than can be asked about, or everyone. */
  | { readonly kind: 'too_many' };

/** Who is in a group: by the engine's own relationships, as they are now. */
export interface Members {
  /** Of `group:support#member` the people, whatever groups they are in it by; of `user:anne` herself. Never too few. */
  of(tenant: string, entry: string, signal: AbortSignal): Promise<Membership>;
}
