import { isUtf8 } from 'node:buffer';
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Exchange, exchangeToken, type Form } from '../../../delegation/exchange.ts';
import { inTime } from '../../../retrieve/in-time.ts';
import { ExchangeRefused, exchangeResponse } from '../../../types/delegation.ts';
import { ClearanceError, type ErrorCode } from '../../../types/errors.ts';
import { codeOf, forbidKeeping, oauthProblem, sendOAuthError } from '../oauth-error.ts';
import { problem, toProblem } from '../problem.ts';

/** Two tokens and what is said of them. */
const BODY_LIMIT = 64 * 1024;
const failures = { '4xx': oauthProblem, '5xx': oauthProblem };

/** Token exchange (RFC 8693). Its errors are those of OAuth, for OAuth's clients ask. */
export function tokenRoutes(
  app: FastifyInstance,
  exchange: Exchange,
  refused: (code: ErrorCode, request: FastifyRequest) => void,
): void {
  void app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'buffer', bodyLimit: BODY_LIMIT },
      async (_: FastifyRequest, body: Buffer) => formOf(body),
    );
    scope.setErrorHandler((error: FastifyError | ClearanceError | ExchangeRefused, request, reply) => {
      const refusal = told(error, request);
      refused(codeOf(refusal), request);
      return sendOAuthError(reply, refusal);
    });
    scope.post<{ Body: Form | null }>(
      '/oauth/token',
      {
        schema: {
          summary:
            "A person's token and an agent's own for a token of the person through the agent (RFC 8693)",
          consumes: ['application/x-www-form-urlencoded'],
          security: [],
          response: { 200: exchangeResponse, ...failures },
        },
      },
      async ({ body, headers, method, url }, reply) => {
        const [path = ''] = url.split('?');
        // Of several proofs Node makes one text, which is none.
        const proof = headers.dpop === undefined ? undefined : { proof: String(headers.dpop), method, path };
        const answer = await inTime(() => exchangeToken(exchange, body ?? {}, proof));
        return forbidKeeping(reply).send(answer);
      },
    );
  });
}

/** Where anyone finds what verifies the tokens that the service gives out. */
export function keyRoutes(app: FastifyInstance, { tokens }: Exchange): void {
  app.get(
    '/.well-known/jwks.json',
    {
      schema: {
        summary: 'The public key of the tokens that the service gives out (RFC 7517)',
        security: [],
        response: {
          200: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }),
          404: problem,
        },
      },
    },
    () => {
      if (tokens === undefined) {
        throw new ClearanceError('not_found', 'The service gives out no tokens (TOKEN_SIGNING_KEY).');
      }
      return tokens.publicKeys;
    },
  );
}

function told(
  error: FastifyError | ClearanceError | ExchangeRefused,
  request: FastifyRequest,
): ExchangeRefused | ClearanceError {
  if (error instanceof ExchangeRefused) return error;
  if (!(error instanceof ClearanceError) && error.statusCode === 415) {
    return new ExchangeRefused('invalid_request', 'Send a form: application/x-www-form-urlencoded.');
  }
  if (!(error instanceof ClearanceError) && error.statusCode === 413) {
    return new ExchangeRefused('invalid_request', `The body has more than ${BODY_LIMIT / 1_024} KiB.`);
  }
  return toProblem(error, request);
}

/** A parameter without a value counts as left out (RFC 6749, section 3.2). */
function formOf(body: Buffer): Form {
  if (!isUtf8(body)) throw new ClearanceError('invalid_request', 'The body is not valid UTF-8.');
  const form = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(body.toString('utf8'))) {
    if (value !== '') form.set(name, [...(form.get(name) ?? []), value]);
  }
  return Object.fromEntries(form);
}
