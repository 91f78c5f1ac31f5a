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
  /** How often it was leased, this time included: who leased it before holds it no more. */
  readonly attempt: number;
  readonly step: 'narrow' | 'publish' | 'delete';
  readonly version?: number;
  /** The whole set that the document is to have; absent where its relationships stay as they are. */
  readonly relationships?: readonly OwnRelationship[];
};

/** A document as its writer found it. */
export type OwnedDocument = { readonly no: number; readonly source: string };

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
  claim(tenant: string, id: string, source: string): Promise<DocumentRow & OwnedDocument>;
  find(tenant: string, id: string): Promise<DocumentRow | undefined>;
  /** Embeddings already held for these hashes (hexadecimal), in the vector space in use. */
  embeddingsOf(tenant: string, hashes: readonly Buffer[]): Promise<ReadonlyMap<string, Float32Array>>;
  // Each of these is one transaction and throws where the document is no longer `source`'s.
  /** Puts down what relationships are to be taken away. */
  enqueueNarrow(owned: OwnedDocument, relationships: readonly OwnRelationship[]): Promise<void>;
  /** The new version, hidden, and the step that will publish it. Returns its number. */
  stage(
    tenant: string,
    owned: OwnedDocument,
    document: StagedDocument,
    relationships: readonly OwnRelationship[] | undefined,
  ): Promise<number>;
  /** Only the step that publishes a version there is; without relationships they stay as they are. */
  enqueuePublish(
    owned: OwnedDocument,
    version: number,
    relationships: readonly OwnRelationship[] | undefined,
  ): Promise<void>;
  /** Hides the document and puts down that it is to go. */
  enqueueDelete(owned: OwnedDocument): Promise<void>;

  /** Takes a lease on the document's oldest step. `busy` where someone else holds it. */
  lease(no: number): Promise<OutboxStep | 'busy' | undefined>;
  /** Takes the lease anew, before a change that it does not fence. Throws where another holder has the step. */
  renew(step: OutboxStep): Promise<void>;
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

/** For a store that was restored from a backup older than the engine's relationships. */
export interface Holding {
  /** Ids of all documents that there are. */
  all(tenant: string): Promise<readonly string[]>;
  /** Ids of documents with a step still to be carried out. */
  unfinished(tenant: string): Promise<readonly string[]>;
  /**
   * One transaction: hides these documents until they are sent again, drops their steps that would publish or narrow
   * (deletions stay), and ends every session of the tenant.
   */
  hold(tenant: string, ids: readonly string[]): Promise<void>;
}
