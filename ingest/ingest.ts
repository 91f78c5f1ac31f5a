import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type AuditLog, type AuditRecord, whoOf } from '../src/ports/audit.ts';
import type { DocumentRow, OwnedDocument, OwnRelationship } from '../src/ports/documents.ts';
import type { Embeddings } from '../src/ports/embeddings.ts';
import type { RelationshipCopy } from '../src/ports/relationship-copy.ts';
import { ClearanceError } from '../src/types/errors.ts';
import { type Tuple, toldTuple, tupleKey } from '../src/types/tuple.ts';
import { chunk } from './chunk.ts';
import { embed } from './embed.ts';
import { inTurn } from './in-turn.ts';
import type { Document } from './parse.ts';
import { documentId } from './parse.ts';
import { type Publishing, settle } from './publish.ts';
import { ownTuples } from './relationships.ts';
import { grantsOf, type SourceRules } from './source.ts';
import { claimDocument, requireYours, type Writer } from './writer.ts';

export type WritePath = Publishing &
  SourceRules & {
    readonly embeddings: Embeddings;
    readonly audit: AuditLog;
    /** For the audit trail: what was there before. */
    readonly copy: RelationshipCopy;
    /** Why the model forbids a tuple, if it does. */
    readonly tupleProblem: (tuple: Tuple) => string | undefined;
  };

export const putOutcome = z.object({
  document_id: z.string(),
  version: z.int(),
  chunks: z.int(),
  /** `published`: searchable, under exactly its relationships. `pending`: kept, hidden, and retried until it is. */
  status: z.enum(['published', 'pending']),
});
export type PutOutcome = z.infer<typeof putOutcome> & { readonly created: boolean };

/** The write path: parse has been done; record, claim, take away, chunk, embed, stage, publish. */
export function putDocument(path: WritePath, writer: Writer, document: Document): Promise<PutOutcome> {
  return inTurn(`${writer.principal.tenant} ${document.id}`, async () => {
    await grantsOf(path, writer);
    refuseForbiddenTuples(path, document);
    const found = await path.documents.find(writer.principal.tenant, document.id);
    requireYours(writer, found);
    const hash = contentHash(document);
    const details = await writtenDocument(path, writer, found, document, hash);
    await auditWrite(path, writer, 'write_document', details);

    let row = await claimDocument(path.documents, writer, document.id);
    const created = row.hash === undefined;
    if (!created) {
      // A narrowing never waits for embeddings. Where taking away may widen, a change of relationships alone is left
      // to the step that publishes, which hides the text meanwhile.
      const narrowFirst = !path.removalMayWiden || row.hash?.equals(hash) !== true;
      if (document.relationships !== undefined && narrowFirst) {
        await path.documents.enqueueNarrow(row, document.relationships);
      }
      await settle(path, row.no);
      // A deletion among the steps has taken the text along, and freed the id.
      row = await claimDocument(path.documents, writer, document.id);
    }
    const unchanged = row.hash !== undefined && row.hash.equals(hash);
    const staged = unchanged
      ? await keepVersion(path, row, document.relationships)
      : await stageVersion(path, writer.principal.tenant, row, document, hash);
    const settled = await settle(path, row.no);
    return {
      document_id: document.id,
      ...staged,
      status: settled ? 'published' : 'pending',
      created,
    };
  });
}

/** What the write is to change: of two writers at the same time, the later one may find more than its record says. */
async function writtenDocument(
  { copy, guarded }: WritePath,
  { principal, source }: Writer,
  found: DocumentRow | undefined,
  { id: documentId, relationships }: Document,
  hash: Buffer,
) {
  const object = `${guarded.type}:${documentId}`;
  const current = (await copy.ofObject(principal.tenant, object)).map(toldTuple);
  const { version = 0, hash: before } = found ?? {};
  return {
    documentId,
    source,
    before: { ...(before === undefined ? {} : { version }), relationships: current },
    after: {
      version: before?.equals(hash) === true ? version : version + 1,
      relationships: relationships === undefined ? current : ownTuples(object, relationships).map(toldTuple),
    },
  };
}

async function keepVersion(
  path: WritePath,
  row: DocumentRow & OwnedDocument,
  relationships: readonly OwnRelationship[] | undefined,
) {
  // One that is not in force may have a deletion before it: its own step comes after that.
  if (relationships !== undefined || row.publishedVersion !== row.version) {
    await path.documents.enqueuePublish(row, row.version, relationships);
  }
  return { version: row.version, chunks: row.chunks };
}

async function stageVersion(
  path: WritePath,
  tenant: string,
  owned: OwnedDocument,
  document: Document,
  hash: Buffer,
) {
  const chunks = await embed(path, tenant, document.title, await chunk(document.text));
  const { title, metadata, source_url } = document;
  const staged = {
    title,
    metadata,
    hash,
    chunks,
    ...(source_url === undefined ? {} : { sourceUrl: source_url }),
  };
  const version = await path.documents.stage(tenant, owned, staged, document.relationships);
  return { version, chunks: chunks.length };
}

/** Hides the document at once; resolves to whether everything of it is gone, or still to be retried. */
export function deleteDocument(path: WritePath, writer: Writer, id: string): Promise<'deleted' | 'pending'> {
  return inTurn(`${writer.principal.tenant} ${id}`, async () => {
    const row = documentId.safeParse(id).success
      ? await path.documents.find(writer.principal.tenant, id)
      : undefined;
    if (row?.source === undefined) throw new ClearanceError('not_found', 'No such document.');
    await grantsOf(path, writer);
    requireYours(writer, row);
    const { tenant } = writer.principal;
    const object = `${path.guarded.type}:${id}`;
    const [own, mentions] = await Promise.all([
      path.copy.ofObject(tenant, object),
      path.copy.mentioning(tenant, object),
    ]);
    await auditWrite(path, writer, 'delete_document', {
      documentId: id,
      source: writer.source,
      before: { version: row.version, relationships: [...own, ...mentions].map(toldTuple) },
    });
    await path.documents.enqueueDelete({ no: row.no, source: row.source });
    return (await settle(path, row.no)) ? 'deleted' : 'pending';
  });
}

export function auditWrite(
  { audit }: Pick<WritePath, 'audit'>,
  { principal }: Writer,
  event: AuditRecord['event'],
  details: Readonly<Record<string, unknown>>,
): Promise<void> {
  return audit.append({ ...whoOf(principal), decisionId: randomUUID(), event, details });
}

function refuseForbiddenTuples({ tupleProblem, guarded }: WritePath, document: Document): void {
  const tuples = ownTuples(`${guarded.type}:${document.id}`, document.relationships ?? []);
  const named = tuples.map(tupleKey);
  for (const [i, tuple] of tuples.entries()) {
    const twice = named.indexOf(tupleKey(tuple)) !== i;
    const problem = twice ? 'it is named twice' : tupleProblem(tuple);
    if (problem !== undefined)
      throw new ClearanceError('invalid_relationship', `relationships.${i}: ${problem}`);
  }
}

function contentHash({ title, text, metadata, source_url }: Document): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([title, text, metadata, source_url ?? null]))
    .digest();
}
