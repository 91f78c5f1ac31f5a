import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SecurityEvents } from '../../../ports/security-events.ts';
import { logOut } from '../../../revocation/log-out.ts';
import type { Revoking } from '../../../revocation/revoke.ts';
import { SecurityEventRefusal } from '../../../types/security-event.ts';
import { problem } from '../problem.ts';

/** Bytes: a token, and its name. */
const BODY_LIMIT = 16 * 1024;

/** What issuers say. Its signature alone says who has sent it. */
export function issuerEventRoutes(app: FastifyInstance, events: SecurityEvents, revoking: Revoking): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      ['application/x-www-form-urlencoded', 'application/secevent+jwt'],
      { parseAs: 'buffer' },
      (_request, body, done) =>
        done(null, Buffer.isBuffer(body) && isUtf8(body) ? body.toString('utf8') : ''),
    );
    backChannelLogout(scope, events, revoking);
    pushedEvents(scope, events, revoking);
  });
}

const logoutRefusal = z.object({ error: z.string(), error_description: z.string() });

/** OpenID Connect Back-Channel Logout 1.0, sections 2.5 to 2.8. */
function backChannelLogout(app: FastifyInstance, events: SecurityEvents, revoking: Revoking): void {
  app.post<{ Body: string }>(
    '/oidc/backchannel-logout',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        summary: 'Takes the logout token of an issuer: what it had issued to that login is revoked',
        consumes: ['application/x-www-form-urlencoded'],
        security: [],
        response: { 200: z.null(), 400: logoutRefusal, '5xx': problem },
      },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store');
      try {
        const form =
          request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
        const [token, ...more] = new URLSearchParams(form ? request.body : '').getAll('logout_token');
        if (token === undefined || more.length > 0)
          throw new SecurityEventRefusal('invalid_request', 'Send one logout_token as a form.');
        const first = await logOut(revoking, await events.logoutToken(token));
        if (!first) throw new SecurityEventRefusal('invalid_request', 'It was used before ("jti").');
        return await reply.code(200).send();
      } catch (error) {
        if (!(error instanceof SecurityEventRefusal)) throw error;
        return reply.code(400).send({ error: 'invalid_request', error_description: error.message });
      }
    },
  );
}

const eventRefusal = z.object({ err: z.string(), description: z.string() });

/** Push delivery of security event tokens, RFC 8935. */
function pushedEvents(app: FastifyInstance, events: SecurityEvents, revoking: Revoking): void {
  app.post<{ Body: string }>(
    '/ssf/events',
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        summary:
          'Takes the security events of an issuer: of a revoked session, what it had issued to it is revoked too',
        consumes: ['application/secevent+jwt'],
        security: [],
        response: { 202: z.null(), 400: eventRefusal, '5xx': problem },
      },
    },
    async (request, reply) => {
      try {
        if (request.headers['content-type']?.startsWith('application/secevent+jwt') !== true)
          throw new SecurityEventRefusal('invalid_request', 'Send a token as application/secevent+jwt.');
        const said = await events.eventToken(request.body);
        // One that has come before was in force then, and is not again: sent twice, it is acknowledged twice.
        if (said !== undefined) await logOut(revoking, said);
        return await reply.code(202).send();
      } catch (error) {
        if (!(error instanceof SecurityEventRefusal)) throw error;
        return reply
          .code(400)
          .header('content-language', 'en')
          .send({ err: error.code, description: error.message });
      }
    },
  );
}
