/** A released chunk with what its document says of itself. */
export type PassageText = {
  readonly chunkId: string;
  readonly documentId: string;
  readonly version: number;
  readonly title: string;
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly sourceUrl?: string;
};

/** The one way to text. Only the release step holds it. */
export interface Passages {
  /** The chunks among these that are of a version still published, in any order. */
  read(
    tenant: string,
    chunks: readonly { chunkId: string; version: number }[],
  ): Promise<readonly PassageText[]>;
}
