import type { DocumentSet } from '../types/document-set.ts';

/** Where a search for some readers has to look: never less than what all of them may read as of `watermark`. */
export type Scope = {
  /** The version of the relationships that this is as of. */
  readonly watermark: string;
} & (
  | {
      readonly kind: 'documents';
      readonly documents: DocumentSet;
      /** Published chunks of these documents. */
      readonly chunks: number;
      readonly published: Published;
    }
  /** The index can't say: search everywhere, and let the engine decide. */
  | { readonly kind: 'everywhere'; readonly why: string }
);

/** A document's id and published version by its number, as of the watermark or later; undefined where it has none. */
export type Published = (number: number) => { readonly id: string; readonly version: number } | undefined;

/** What narrows a search. It grants nothing: each passage still needs the engine's word. */
export interface PermissionIndex {
  /** What every one of `readers` may read at most, as of a version that was read after this call began. */
  scope(tenant: string, readers: readonly string[]): Promise<Scope>;
}
