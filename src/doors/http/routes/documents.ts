import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { deleteDocument, putDocument, putOutcome, type WritePath } from '../../../../ingest/ingest.ts';
import { documentBody, parseDocument } from '../../../../ingest/parse.ts';
import { writerOf } from '../../../../ingest/writer.ts';
import { authenticate } from '../../../retrieve/authenticate.ts';
import type { ReadPath } from '../../../retrieve/retrieve.ts';
import type { Presented } from '../../../types/presented.ts';
import { WRITE_LIMIT } from '../body.ts';
import { presentedBy } from '../presented.ts';
import { problem } from '../problem.ts';

type ById = { Params: { id: string } };

export function documentRoutes(
  app: FastifyInstance,
  { read, write }: { read: ReadPath; write: WritePath },
): void {
  const writer = async (presented: Presented | undefined) =>
    writerOf(await authenticate(read.identity, presented, 'ingest', 'admin'));
  const errors = { '4xx': problem, '5xx': problem };

  app.put<ById>(
    '/v1/documents/:id',
    {
      bodyLimit: WRITE_LIMIT,
      schema: {
        summary: 'Writes a document and, where given, the whole set of its relationships',
        body: documentBody,
        response: { 200: putOutcome, 201: putOutcome, 202: putOutcome, ...errors },
      },
    },
    async (request, reply) => {
      const as = await writer(presentedBy(request));
      const { created, ...outcome } = await putDocument(
        write,
        as,
        parseDocument(request.params.id, request.body),
      );
      return reply.code(outcome.status === 'pending' ? 202 : created ? 201 : 200).send(outcome);
    },
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
      const outcome = await deleteDocument(write, await writer(presentedBy(request)), request.params.id);
      return outcome === 'deleted' ? reply.code(204).send() : reply.code(202).send({ status: outcome });
    },
  );
}
