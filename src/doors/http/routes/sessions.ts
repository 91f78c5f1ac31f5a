import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { authenticate } from '../../../retrieve/authenticate.ts';
import type { ReadPath } from '../../../retrieve/retrieve.ts';
import { endSession, startSession } from '../../../retrieve/session.ts';
import { parseInput } from '../../../types/parse.ts';
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

export function sessionRoutes(app: FastifyInstance, { identity, sessions }: ReadPath): void {
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
      const { principal } = await authenticate(identity, presentedBy(request), 'retrieve');
      parseInput(sessionRequest, request.body);
      const session = await startSession(sessions, principal);
      const [actor] = principal.chain;
      return reply.code(201).send({
        session_id: session.id,
        subject: principal.subject,
        ...(actor === undefined ? {} : { actor, chain: principal.chain }),
        expires_at: session.expiresAt.toISOString(),
      } satisfies z.infer<typeof sessionResponse>);
    },
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
