import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { importDocuments, lineOutcome } from '../../../../ingest/import.ts';
import { deleteDocument, putDocument, putOutcome, type WritePath } from '../../../../ingest/ingest.ts';
import { documentBody, parseDocument } from '../../../../ingest/parse.ts';
import { writerOf } from '../../../../ingest/writer.ts';
import { authenticate } from '../../../retrieve/authenticate.ts';
import { documentResponse, readDocument } from '../../../retrieve/read-document.ts';
import type { ReadPath } from '../../../retrieve/retrieve.ts';
import { ClearanceError, describeError } from '../../../types/errors.ts';
import { bearerToken } from '../bearer.ts';
import { addNdjsonParser } from '../body.ts';
import { problem } from '../problem.ts';

type ById = { Params: { id: string } };

export function documentRoutes(
  app: FastifyInstance,
  { read, write }: { read: ReadPath; write: WritePath },
): void {
  const writer = async (token: string | undefined) =>
    writerOf(await authenticate(read.identity, token, 'ingest', 'admin'));
  const errors = { '4xx': problem, '5xx': problem };

  app.put<ById>(
    '/v1/documents/:id',
    {
      schema: {
        summary: 'Writes a document and, where given, the whole set of its relationships',
        body: documentBody,
        response: { 200: putOutcome, 201: putOutcome, 202: putOutcome, ...errors },
      },
    },
    async (request, reply) => {
      const as = await writer(bearerToken(request));
      const { created, ...outcome } = await putDocument(
        write,
        as,
        parseDocument(request.params.id, request.body),
      );
      return reply.code(outcome.status === 'pending' ? 202 : created ? 201 : 200).send(outcome);
    },
  );

  app.get<ById>(
    '/v1/documents/:id',
    {
      schema: {
        summary: 'A document, whole, if it may be read',
        response: { 200: documentResponse, ...errors },
      },
    },
    (request) => readDocument(read, bearerToken(request), request.params.id),
  );

  app.delete<ById>(
    '/v1/documents/:id',
    {
      schema: {
        summary: 'Hides a document at once and takes away all that mentions it',
        response: { 202: z.object({ status: z.literal('pending') }), 204: z.null(), ...errors },
      },
    },
    async (request, reply) => {
      const outcome = await deleteDocument(write, await writer(bearerToken(request)), request.params.id);
      return outcome === 'deleted' ? reply.code(204).send() : reply.code(202).send({ status: outcome });
    },
  );

  void app.register(async (scope) => {
    addNdjsonParser(scope);
    scope.post(
      '/v1/documents/import',
      {
        schema: {
          summary: 'NDJSON in, NDJSON out: one line for each document, with its outcome',
          response: { 200: lineOutcome, ...errors },
        },
      },
      async (request, reply) => {
        const as = await writer(bearerToken(request));
        const { body } = request;
        if (!(body instanceof Readable)) {
          throw new ClearanceError('unsupported_media_type', 'Send an import as application/x-ndjson.');
        }
        const outcomes = importDocuments(write, as, body);
        return reply
          .type('application/x-ndjson')
          .send(Readable.from(asNdjson(outcomes, (error) => request.log.error(describeError(error)))));
      },
    );
  });
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
