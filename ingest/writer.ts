import type { Documents } from '../src/ports/documents.ts';
import { ClearanceError } from '../src/types/errors.ts';
import { ADMIN_SOURCE, type Credentials, type Principal } from '../src/types/principal.ts';

/** Who writes, and as which source. */
export type Writer = {
  readonly principal: Principal;
  /** What a new document is recorded under. */
  readonly source: string;
  /** May write documents of every source. */
  readonly admin: boolean;
};

export function writerOf({ principal, scopes, source }: Credentials): Writer {
  const admin = scopes.has('admin');
  if (source === undefined && !admin) {
    throw new ClearanceError('forbidden', 'An ingest token must name its source.');
  }
  return { principal, source: source ?? ADMIN_SOURCE, admin };
}

/** Takes a free id for the writer's source. Throws `forbidden` where another source has it. */
export async function claimDocument(documents: Documents, writer: Writer, id: string) {
  const row = await documents.claim(writer.principal.tenant, id, writer.source);
  requireYours(writer, row);
  return row;
}

/** Throws `forbidden` for a document of another source. */
export function requireYours(writer: Writer, row: { readonly source?: string } | undefined): void {
  if (writer.admin || row?.source === undefined || row.source === writer.source) return;
  throw new ClearanceError('forbidden', `This document does not belong to your source, "${writer.source}".`);
}
