import type { Filter } from '../types/filter.ts';

export type Question = {
  readonly tenant: string;
  readonly query: string;
  readonly filter?: Filter;
  /** Only an exact search will do. */
  readonly exactness?: 'certified' | undefined;
  /** Engine ids of all who must be able to read what is found: the person and, where one asks, the agent. */
  readonly readers: readonly string[];
};

/** A document as search sees it: permissions are about documents, so these are what is checked. */
export type RankedDocument = {
  readonly documentId: string;
  /** The version that was searched; nothing of another one is released for it. */
  readonly version: number;
  /** The fused score of its best passage. */
  readonly score: number;
};

/** A passage as search sees it. No text. */
export type Candidate = RankedDocument & { readonly chunkId: string };

export interface CandidateIndex {
  /** Throws `invalid_filter` for a field that no document of the tenant has ever had. */
  open(question: Question, signal: AbortSignal): Promise<CandidateSearch>;
  /** A search that finds one document by its id, and all its passages in their order. */
  openDocument(
    asked: Pick<Question, 'tenant' | 'readers'> & { readonly id: string },
  ): Promise<CandidateSearch>;
}

/** One question's walk through the documents of a tenant, best first. */
export interface CandidateSearch {
  /**
   * The next documents in order of their scores, each once: nothing that comes later, or never, scores
   * higher. `exhausted` says that no document is left, and is never inferred from a short list.
   */
  next(
    count: number,
  ): Promise<{ readonly documents: readonly RankedDocument[]; readonly exhausted: boolean }>;
  /** The best `k` passages of these documents at these versions, best first; exact. */
  within(documents: readonly RankedDocument[], k: number): Promise<readonly Candidate[]>;
  /** Whether the order given so far is exact, and not that of an approximate index. */
  exact(): boolean;
  /** Whether only documents are given that the permission index takes for readable, so that most will be allowed. */
  readonly narrowed: boolean;
  /** The version of the relationships that the permission index narrowed it by; absent where it was not asked. */
  readonly watermark?: string;
  /** For administrators only: it tells of how much one may read. */
  route(): Route;
}

/** How a search went about it. */
export type Route = {
  readonly name: 'nothing' | 'listed' | 'scan' | 'approximate' | 'one document';
  /** A sentence. */
  readonly why: string;
  /** What the permission index and the filter left to search; absent where the index could not say. */
  readonly documents?: number;
  readonly chunks?: number;
};
