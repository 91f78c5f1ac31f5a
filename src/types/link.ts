/** One step of a way from a reader to a document. */
export type Link =
  | { readonly kind: 'tuple'; readonly user: string; readonly relation: string; readonly object: string }
  | { readonly kind: 'computed'; readonly object: string; readonly from: string; readonly relation: string }
  | {
      readonly kind: 'from';
      readonly parent: string;
      readonly parentRelation: string;
      readonly tupleset: string;
      readonly object: string;
      readonly relation: string;
    };
