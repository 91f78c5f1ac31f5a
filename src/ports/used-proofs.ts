/** Proofs of possession that were used, known to every copy of the service: each is good for one request. */
export interface UsedProofs {
  /** False where it was used before. It is remembered until it would be refused for its age. */
  use(proof: Uint8Array, until: Date): Promise<boolean>;
}
