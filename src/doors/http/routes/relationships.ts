import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { WritePath } from '../../../../ingest/ingest.ts';
import { type RelationshipChanges, relationshipChanges } from '../../../../ingest/parse.ts';
import { writeRelationships } from '../../../../ingest/write-relationships.ts';
import { writerOf } from '../../../../ingest/writer.ts';
import { authenticate } from '../../../retrieve/authenticate.ts';
import type { ReadPath } from '../../../retrieve/retrieve.ts';
import { WRITE_LIMIT } from '../body.ts';
import { presentedBy } from '../presented.ts';
import { problem } from '../problem.ts';

export function relationshipRoutes(
  app: FastifyInstance,
  { read, write }: { read: ReadPath; write: WritePath },
): void {
  app.post<{ Body: RelationshipChanges }>(
    '/v1/relationships',
    {
      bodyLimit: WRITE_LIMIT,
      schema: {
        summary: 'Writes and deletes relationships, all of them or none',
        body: relationshipChanges,
        response: { 200: z.object({ written: z.int(), deleted: z.int() }), '4xx': problem, '5xx': problem },
      },
    },
    async (request) => {
      const credentials = await authenticate(read.identity, presentedBy(request), 'ingest', 'admin');
      return writeRelationships(write, writerOf(credentials), request.body);
    },
  );
}
