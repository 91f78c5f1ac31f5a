import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ClearanceError, describeError, type ErrorCode, errorStatus } from '../../types/errors.ts';

/** RFC 9457. `code` is stable; `detail` is for people. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(errorStatus) as [ErrorCode, ...ErrorCode[]]),
});

export function sendProblem(reply: FastifyReply, error: ClearanceError): FastifyReply {
  // RFC 9449, section 7.1.
  if (error.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer, DPoP');
  if (error.retryAfter !== undefined) reply.header('retry-after', String(error.retryAfter));
  return reply
    .code(error.status)
    .type('application/problem+json')
    .send({
      type: 'about:blank',
      title: error.code.replaceAll('_', ' '),
      status: error.status,
      detail: error.message,
      code: error.code,
    } satisfies z.infer<typeof problem>);
}

/** What a caller is told of an error. Anything unforeseen is logged and told as nothing but a 500. */
export function toProblem(error: FastifyError | ClearanceError, request: FastifyRequest): ClearanceError {
  if (error instanceof ClearanceError) {
    // Shedding is counted, not logged: what is past capacity already must stay cheap.
    if (error.status >= 500 && error.code !== 'overloaded')
      request.log.error(
        { code: error.code, ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }) },
        error.message,
      );
    return error;
  }
  if (error.statusCode === 413) {
    const kib = request.routeOptions.bodyLimit / 1_024;
    const limit = kib < 1_024 ? `${kib} KiB` : `${kib / 1_024} MiB`;
    return new ClearanceError('too_large', `The body has more than ${limit}.`);
  }
  if (error.statusCode === 415) {
    return new ClearanceError(
      'unsupported_media_type',
      'Send JSON with Content-Type: application/json, an import as application/x-ndjson.',
    );
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new ClearanceError('invalid_request', error.message);
  }
  request.log.error({ error: describeError(error), stack: error.stack }, 'unforeseen error');
  return new ClearanceError('internal', 'An error of the service itself. It is in the log.');
}
