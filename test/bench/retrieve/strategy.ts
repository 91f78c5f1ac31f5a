/** A passage with its text, as it goes to a model. */
export type Found = {
  readonly chunkId: string;
  readonly documentId: string;
  readonly text: string;
  readonly score: number;
};

export type Asked = { readonly user: string; readonly query: string; readonly k: number };

export type Strategy = {
  readonly name: string;
  /** By which of the two it ranks, and is judged. */
  readonly score: 'dense' | 'fused';
  /** The best `k` of what may be read, as far as it finds them, and how many questions the engine was asked. */
  readonly ask: (asked: Asked) => Promise<{ readonly found: readonly Found[]; readonly checks: number }>;
};
