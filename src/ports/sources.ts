import type { Source } from '../types/source.ts';
import type { Entries } from './entries.ts';

/** The sources of documents that are known, of each tenant. */
export type Sources = Entries<Source>;
