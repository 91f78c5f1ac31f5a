import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { ExchangeRefused, type OAuthError, oauthErrors } from '../../types/delegation.ts';
import type { ClearanceError, ErrorCode } from '../../types/errors.ts';

/** RFC 6749, section 5.2: how a token endpoint says no, instead of problem details. */
export const oauthProblem = z.object({ error: z.enum(oauthErrors), error_description: z.string() });

/** No answer of a token endpoint is kept by anyone on the way (RFC 6749, section 5.1). */
export function forbidKeeping(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store').header('pragma', 'no-cache');
}

export function sendOAuthError(reply: FastifyReply, refusal: ExchangeRefused | ClearanceError): FastifyReply {
  const error = refusal instanceof ExchangeRefused ? refusal.error : errorOf(refusal);
  if (!(refusal instanceof ExchangeRefused) && refusal.retryAfter !== undefined) {
    reply.header('retry-after', String(refusal.retryAfter));
  }
  return forbidKeeping(reply)
    .code(refusal instanceof ExchangeRefused ? 400 : statusOf(refusal))
    .send({ error, error_description: describable(refusal.message) } satisfies z.infer<typeof oauthProblem>);
}

/** Of the meter's codes, which are the service's. */
export function codeOf(refusal: ExchangeRefused | ClearanceError): ErrorCode {
  return refusal instanceof ExchangeRefused ? 'invalid_request' : refusal.code;
}

/** What is wrong with a request is one error, as RFC 8693, section 2.2.2, has it for tokens that are not taken. */
function errorOf({ status, code }: ClearanceError): OAuthError {
  if (status === 500) return 'server_error';
  return status === 503 || code === 'rate_limited' ? 'temporarily_unavailable' : 'invalid_request';
}

function statusOf({ status, code }: ClearanceError): number {
  return status >= 500 || code === 'rate_limited' ? status : 400;
}

/** RFC 6749 allows neither quotes nor backslashes in it, and only ASCII. */
function describable(message: string): string {
  return message.replaceAll(/["\\]/g, "'").replaceAll(/[^ -~]/gu, '?');
}
