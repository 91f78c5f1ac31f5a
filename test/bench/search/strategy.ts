import type { Caller } from './callers.ts';
import type { Query } from './truth.ts';

export type Answer = {
  /** Numbers of documents that the caller may read, best first. */
  readonly documents: readonly number[];
  /** Documents that the engine would be asked about. */
  readonly checks: number;
};

export type Strategy = {
  readonly name: string;
  readonly ask: (query: Query, caller: Caller) => Promise<Answer>;
};
