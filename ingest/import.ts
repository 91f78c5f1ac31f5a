import { Readable } from 'node:stream';
import { z } from 'zod';
import { ClearanceError } from '../src/types/errors.ts';
import { putDocument, putOutcome, type WritePath } from './ingest.ts';
import { type NdjsonLine, ndjsonLines } from './ndjson.ts';
import { parseDocumentLine } from './parse.ts';
import type { Writer } from './writer.ts';

export const lineOutcome = z.union([
  putOutcome.extend({ line: z.int() }),
  z.object({
    line: z.int(),
    document_id: z.string().optional(),
    status: z.literal('rejected'),
    error: z.object({ code: z.string(), detail: z.string() }),
  }),
]);
export type LineOutcome = z.infer<typeof lineOutcome>;

/** Documents written at once: while the store works on one, the next is split and embedded. */
const CONCURRENCY = 4;

/** Asked before each line: throws where nothing more is to be written. */
type MayGoOn = () => Promise<void>;

/**
 * Writes each line's document and says, line by line and in order, what became of it. One bad line stops
 * nothing; an outage ends it with its error, for every further line would meet the same.
 */
export function importDocuments(
  path: WritePath,
  writer: Writer,
  input: AsyncIterable<Buffer>,
  mayGoOn?: MayGoOn,
): AsyncGenerator<LineOutcome> {
  return importLines(path, writer, ndjsonLines(input), mayGoOn);
}

export async function* importLines(
  path: WritePath,
  writer: Writer,
  lines: AsyncIterable<NdjsonLine>,
  mayGoOn: MayGoOn = async () => {},
): AsyncGenerator<LineOutcome> {
  const outcomes: AsyncIterable<LineOutcome> = Readable.from(lines).map(
    async (line: NdjsonLine) => {
      await mayGoOn();
      return importLine(path, writer, line);
    },
    { concurrency: CONCURRENCY },
  );
  yield* outcomes;
}

async function importLine(path: WritePath, writer: Writer, line: NdjsonLine): Promise<LineOutcome> {
  if (line.kind === 'broken') {
    return { line: line.line, status: 'rejected', error: { code: 'invalid_document', detail: line.problem } };
  }
  const named = idOf(line.value);
  try {
    const { document_id, status, version, chunks } = await putDocument(
      path,
      writer,
      parseDocumentLine(line.value),
    );
    return { line: line.line, document_id, status, version, chunks };
  } catch (error) {
    if (!(error instanceof ClearanceError) || error.status >= 500) throw error;
    return {
      line: line.line,
      ...(named === undefined ? {} : { document_id: named }),
      status: 'rejected',
      error: { code: error.code, detail: error.message },
    };
  }
}

function idOf(value: unknown): string | undefined {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined;
  return typeof id === 'string' ? id.slice(0, 250) : undefined;
}
