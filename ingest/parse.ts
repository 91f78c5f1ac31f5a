import { z } from 'zod';
import { MAX_TUPLES_A_WRITE } from '../src/ports/engine.ts';
import { metadataField } from '../src/types/filter.ts';
import { parseInput } from '../src/types/parse.ts';
import { isShallow, isStorable, MAX_LEVELS, UNSTORABLE } from '../src/types/text.ts';

/** Bytes: an engine object has at most 256 with its type, `document:`. */
export const MAX_ID_BYTES = 247;
/** Bytes of UTF-8. */
export const MAX_TEXT_BYTES = 5 * 1024 * 1024;
const MAX_METADATA_BYTES = 64 * 1024;

export const documentId = z
  .string()
  .refine((id) => id !== '', 'is empty')
  .refine((id) => Buffer.byteLength(id) <= MAX_ID_BYTES, `has more than ${MAX_ID_BYTES} bytes`)
  .refine(
    (id) => !/[\s#:\p{Cc}]/u.test(id) && id.isWellFormed(),
    'holds a space, a control character, "#" or ":"',
  )
  .refine(
    (id) => !['.', '..', '*'].includes(id),
    'must not be ".", ".." or "*": clients and the engine rewrite these',
  );

const TOO_DEEP = `has more than ${MAX_LEVELS} levels`;

/** What the model says of it comes later. */
const name = z.string().refine(isStorable, UNSTORABLE);
const condition = z.strictObject({
  name,
  context: z
    .record(z.string(), z.unknown())
    .refine((value) => isShallow(value), { error: TOO_DEEP, abort: true })
    .refine(isStorable, UNSTORABLE)
    .exactOptional(),
});
const ownRelationship = z.strictObject({
  user: name,
  relation: name,
  condition: condition.exactOptional(),
});
const key = z.strictObject({ user: name, relation: name, object: name });
export const tuple = key.extend({ condition: condition.exactOptional() });

/** The body of POST /v1/relationships: applied whole or not at all. */
export const relationshipChanges = z
  .strictObject({ writes: z.array(tuple).default([]), deletes: z.array(key).default([]) })
  .refine(
    ({ writes, deletes }) => writes.length + deletes.length > 0,
    'names no relationship to write or delete',
  )
  .refine(
    ({ writes, deletes }) => writes.length + deletes.length <= MAX_TUPLES_A_WRITE,
    `has more than ${MAX_TUPLES_A_WRITE} relationships: split it, for one request is applied whole or not at all`,
  );
export type RelationshipChanges = z.input<typeof relationshipChanges>;

const metadata = z
  .record(metadataField, z.unknown())
  .refine((value) => isShallow(value), { error: TOO_DEEP, abort: true })
  .refine(
    (fields) => Buffer.byteLength(JSON.stringify(fields)) <= MAX_METADATA_BYTES,
    `has more than ${MAX_METADATA_BYTES} bytes`,
  )
  .refine(isStorable, UNSTORABLE);

const body = {
  title: z
    .string()
    .refine((title) => title.trim() !== '', 'is empty')
    .refine((title) => title.length <= 1_000, 'has more than 1,000 characters')
    .refine(isStorable, UNSTORABLE),
  text: z
    .string()
    .refine((text) => text.trim() !== '', 'is empty: a document needs text to be found by')
    .refine(
      (text) => Buffer.byteLength(text) <= MAX_TEXT_BYTES,
      `has more than ${MAX_TEXT_BYTES} bytes; split the document`,
    )
    .refine(isStorable, UNSTORABLE),
  metadata: metadata.default({}),
  source_url: z
    .url({ protocol: /^https?$/, error: 'is no http(s) URL' })
    .max(2_000)
    .optional(),
  relationships: z.array(ownRelationship).max(MAX_TUPLES_A_WRITE).optional(),
};

/** The body of a PUT. Unknown fields are an error that names them. */
export const documentBody = z.strictObject(body);
export type Document = z.output<typeof documentBody> & { readonly id: string };

const line = z.looseObject({ id: documentId, ...body });

export function parseDocument(id: string, input: unknown): Document {
  return {
    id: parseInput(documentId, id, 'invalid_document'),
    ...parseInput(documentBody, input, 'invalid_document'),
  };
}

/** A line of NDJSON. Fields that the contract doesn't know are kept as metadata: exports carry such. */
export function parseDocumentLine(input: unknown): Document {
  const {
    id,
    title,
    text,
    metadata: own,
    source_url,
    relationships,
    ...unknown
  } = parseInput(line, input, 'invalid_document');
  const known = { title, text, source_url, relationships, metadata: { ...unknown, ...own } };
  return { id, ...parseInput(documentBody, known, 'invalid_document') };
}
