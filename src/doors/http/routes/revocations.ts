import type { FastifyInstance } from 'fastify';
import type { Identity } from '../../../ports/identity.ts';
import { authenticate } from '../../../retrieve/authenticate.ts';
import { type Revoking, revoke } from '../../../revocation/revoke.ts';
import { scopes } from '../../../types/principal.ts';
import { type RevocationRequest, revocationRequest, revocationResponse } from '../../../types/revocation.ts';
import { presentedBy } from '../presented.ts';
import { problem } from '../problem.ts';

export function revocationRoutes(app: FastifyInstance, identity: Identity, revoking: Revoking): void {
  app.post<{ Body: RevocationRequest }>(
    '/v1/revocations',
    {
      schema: {
        summary:
          'Revokes a token, a session, a person, an agent or the agents of a person; from the answer on nothing is released to them',
        body: revocationRequest,
        response: { 200: revocationResponse, '4xx': problem, '5xx': problem },
      },
    },
    async (request) =>
      revoke(revoking, await authenticate(identity, presentedBy(request), ...scopes), request.body),
  );
}
