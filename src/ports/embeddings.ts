/** Turns text into vectors of length one, or of zeros where nothing of the text is known. */
export interface Embeddings {
  /** Names the vector space: vectors of different models are never compared. */
  readonly model: string;
  readonly dimension: number;
  /** The weight of the dense signal in the fused score, 0 to 1, measured for this model. */
  readonly denseWeight: number;
  /** One vector of `dimension` numbers for each text, in the same order. Throws `embeddings_unavailable`. */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<readonly Float32Array[]>;
}
