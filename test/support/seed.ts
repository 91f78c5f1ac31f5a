import { type PutOutcome, putDocument, type WritePath } from '../../ingest/ingest.ts';
import { parseDocument } from '../../ingest/parse.ts';
import { type Writer, writerOf } from '../../ingest/writer.ts';
import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import type { ReadPath } from '../../src/retrieve/retrieve.ts';

type Source = {
  readonly read: ReadPath;
  token(subject: string, more?: Partial<TokenRequest>): Promise<string>;
};

/** A writer of the source `wiki`, or as `more` says. */
export async function writer(service: Source, more: Partial<TokenRequest> = {}): Promise<Writer> {
  const token = await service.token('loader', { scopes: ['ingest'], source: 'wiki', ...more });
  return writerOf(await service.read.identity.verify(token));
}

/** Puts a document titled like its id. `readers` are its viewers, and the whole of its relationships. */
export function put(
  write: WritePath,
  as: Writer,
  id: string,
  text: string,
  readers?: readonly string[],
  metadata: Record<string, unknown> = {},
): Promise<PutOutcome> {
  const relationships = readers?.map((user) => ({ user, relation: 'viewer' }));
  const body = { title: id, text, metadata, ...(relationships === undefined ? {} : { relationships }) };
  return putDocument(write, as, parseDocument(id, body));
}
