import type { Labels } from '../types/access.ts';

/** What documents are labelled with. */
export interface DocumentLabels {
  /** Of exactly these versions, in their order; undefined for one that is there no more. A version's labels never change. */
  of(
    tenant: string,
    documents: readonly { readonly documentId: string; readonly version: number }[],
  ): Promise<readonly (Labels | undefined)[]>;
}
