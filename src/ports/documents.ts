import type { Tuple } from '../types/tuple.ts';

/** A document's own relationships: tuples whose object is left out because it is the document. */
export type OwnRelationship = Omit<Tuple, 'object'>;

export type StoredChunk = { readonly text: string; readonly hash: Buffer; readonly embedding: Float32Array };

export type StagedDocument = {
  readonly title: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly sourceUrl?: string;
  /** Of everything above and the text: equal hashes mean that there is nothing new to publish. */
  readonly hash: Buffer;
  readonly chunks: readonly StoredChunk[];
};

/** What is left to do to a document, in the order it was decided. */
export type OutboxStep = {
  readonly id: number;
  readonly tenant: string;
  readonly documentId: string;
  readonly documentNo: number;
  readonly step: 'narrow' | 'publish' | 'delete';
  readonly version?: number;
  /** The whole set that the document is to have; absent where its relationships stay as they are. */
  readonly relationships?: readonly OwnRelationship[];
};

export type DocumentRow = {
  readonly no: number;
  /** Absent for an id that is free. */
  readonly source?: string;
  readonly publishedVersion?: number;
  /** Of the newest version, staged or published. */
  readonly version: number;
  readonly hash?: Buffer;
  readonly chunks: number;
};

export interface Documents {
  /** The row of a document, made where there is none and given to `source` where its id is free. */
  claim(tenant: string, id: string, source: string): Promise<DocumentRow>;
  find(tenant: string, id: string): Promise<DocumentRow | undefined>;
  /** Embeddings already held for these hashes (hexadecimal), in the vector space in use. */
  embeddingsOf(tenant: string, hashes: readonly Buffer[]): Promise<ReadonlyMap<string, Float32Array>>;
  /** One transaction: takes down what relationships are to be taken away. */
  enqueueNarrow(
    no: number,
    relationships: readonly OwnRelationship[],
    options: { readonly hideFirst: boolean },
  ): Promise<void>;
  /** One transaction: the new version, hidden, and the step that will publish it. Returns its number. */
  stage(
    tenant: string,
    no: number,
    document: StagedDocument,
    relationships: readonly OwnRelationship[] | undefined,
  ): Promise<number>;
  /** One transaction: only the step that puts relationships in force; the version stays, and must be the newest. */
  enqueueRelationships(
    no: number,
    version: number,
    relationships: readonly OwnRelationship[] | undefined,
  ): Promise<void>;
  /** One transaction: hides the document and takes down that it is to go. False where there is none. */
  enqueueDelete(no: number): Promise<boolean>;

  /** Takes a lease on the document's oldest step. `busy` where someone else holds it. */
  lease(no: number): Promise<OutboxStep | 'busy' | undefined>;
  /** Documents with a step that is due and not leased, oldest first. */
  due(limit: number): Promise<readonly number[]>;
  /** Gives a failed step back, to be due again after `seconds`. */
  postpone(step: OutboxStep, seconds: number): Promise<void>;
  /** Steps waiting, for /readyz and status. */
  pending(): Promise<{ readonly steps: number; readonly oldestSeconds: number }>;

  hide(step: OutboxStep): Promise<void>;
  /** One transaction: the step's version becomes the published one, older ones go, the step is done. */
  publish(step: OutboxStep): Promise<void>;
  /** One transaction: nothing of the document is left but its version counter; the step is done. */
  remove(step: OutboxStep): Promise<void>;
  done(step: OutboxStep): Promise<void>;
}
