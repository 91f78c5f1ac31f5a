import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { authenticate } from '../../../retrieve/authenticate.ts';
import type { ReadPath } from '../../../retrieve/retrieve.ts';
import { revalidate } from '../../../retrieve/revalidate.ts';
import { endSession, startSession } from '../../../retrieve/session.ts';
import { parseInput } from '../../../types/parse.ts';
import { revalidateResponse } from '../../../types/session.ts';
import { presentedBy } from '../presented.ts';
import { problem } from '../problem.ts';

/** Empty: whoever names a subject here must not believe that it counts. */
const sessionRequest = z.strictObject({}).nullish();

const sessionResponse = z.object({
  session_id: z.string(),
  subject: z.string(),
  actor: z.string().optional(),
  chain: z.array(z.string()).readonly().optional(),
  expires_at: z.iso.datetime(),
});

export function sessionRoutes(app: FastifyInstance, read: ReadPath): void {
  const { identity, sessions } = read;
  app.post(
    '/v1/sessions',
    {
      schema: {
        summary: 'Starts a conversation, bound to the person and agent of the token',
        body: sessionRequest,
        response: { 201: sessionResponse, '4xx': problem },
      },
    },
    async (request, reply) => {
      const credentials = await authenticate(identity, presentedBy(request), 'retrieve');
      const { principal } = credentials;
      parseInput(sessionRequest, request.body);
      const session = await startSession(sessions, credentials);
      const [actor] = principal.chain;
      return reply.code(201).send({
        session_id: session.id,
        subject: principal.subject,
        ...(actor === undefined ? {} : { actor, chain: principal.chain }),
        expires_at: session.expiresAt.toISOString(),
      } satisfies z.infer<typeof sessionResponse>);
    },
  );

  app.post<{ Params: { id: string } }>(
    '/v1/sessions/:id/revalidate',
    {
      schema: {
        summary:
          'Asks again about all that was released in a conversation, and says what of it must be dropped',
        response: { 200: revalidateResponse, '4xx': problem, '5xx': problem },
      },
    },
    (request) => revalidate(read, presentedBy(request), request.params.id),
  );

  app.delete<{ Params: { id: string } }>(
    '/v1/sessions/:id',
    { schema: { summary: 'Ends a conversation', response: { 204: z.null(), '4xx': problem } } },
    async (request, reply) => {
      const { principal } = await authenticate(identity, presentedBy(request), 'retrieve');
      await endSession(sessions, principal, request.params.id);
      return reply.code(204).send();
    },
  );
}
