import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { importDocuments, lineOutcome } from '../../../../ingest/import.ts';
import type { WritePath } from '../../../../ingest/ingest.ts';
import { writerOf } from '../../../../ingest/writer.ts';
import { authenticate } from '../../../retrieve/authenticate.ts';
import type { ReadPath } from '../../../retrieve/retrieve.ts';
import { ClearanceError, describeError } from '../../../types/errors.ts';
import { addNdjsonParser, notIdle } from '../body.ts';
import { presentedBy } from '../presented.ts';
import { problem } from '../problem.ts';

/** In a scope of its own, for nothing else takes NDJSON. */
export function importRoutes(
  scope: FastifyInstance,
  { read, write }: { read: ReadPath; write: WritePath },
): void {
  addNdjsonParser(scope);
  scope.post(
    '/v1/documents/import',
    {
      schema: {
        summary: 'NDJSON in, NDJSON out: one line for each document, with its outcome',
        response: { 200: lineOutcome, '4xx': problem, '5xx': problem },
      },
    },
    async (request, reply) => {
      const credentials = await authenticate(read.identity, presentedBy(request), 'ingest', 'admin');
      const as = writerOf(credentials);
      const mayGoOn = () => read.identity.requireStanding(credentials);
      const { body } = request;
      if (!(body instanceof Readable)) {
        throw new ClearanceError('unsupported_media_type', 'Send an import as application/x-ndjson.');
      }
      const outcomes = importDocuments(write, as, notIdle(body), mayGoOn);
      // Of what ended early nothing more is read.
      reply.raw.once('finish', () => body.destroy());
      return reply
        .type('application/x-ndjson')
        .send(Readable.from(asNdjson(outcomes, (error) => request.log.error(describeError(error)))));
    },
  );
}

/** The status has gone out by then, so a failure ends the stream with a line that says so. */
async function* asNdjson(
  outcomes: AsyncIterable<unknown>,
  log: (error: unknown) => void,
): AsyncGenerator<string> {
  try {
    for await (const outcome of outcomes) yield `${JSON.stringify(outcome)}\n`;
  } catch (error) {
    log(error);
    const detail = 'The import ended early; send the lines without an outcome again.';
    const code = error instanceof ClearanceError ? error.code : 'internal';
    yield `${JSON.stringify({ status: 'rejected', error: { code, detail } })}\n`;
  }
}
