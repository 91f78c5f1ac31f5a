import { FgaApiError, FgaError } from '@openfga/sdk';
import { z } from 'zod';
import { ClearanceError } from '../../types/errors.ts';

/** OpenFGA did not answer as it should. Keeps what its caller may have to tell apart. */
export class OpenFgaUnusable extends ClearanceError {
  readonly httpStatus: number | undefined;
  /** OpenFGA's own name of what is wrong, such as `write_failed_due_to_invalid_input`. */
  readonly reason: string | undefined;

  constructor(why: string, answer: { httpStatus?: number | undefined; reason?: string | undefined } = {}) {
    super('engine_unavailable', `OpenFGA can't be used: ${why}.`);
    this.httpStatus = answer.httpStatus;
    this.reason = answer.reason;
  }
}

/** A message would name users and objects; a code can't. */
const errorBody = z.object({ code: z.string().regex(/^\w{1,60}$/) });

/**
 * The SDK's errors hold the request with its token, and OpenFGA's messages name tuples. Errors end up in logs, so
 * nothing of either is passed on, not as a cause either, but the status and OpenFGA's code.
 */
export function refusal(error: unknown): OpenFgaUnusable {
  if (error instanceof OpenFgaUnusable) return error;
  if (error instanceof FgaApiError && error.statusCode !== undefined) {
    const reason = reasonIn(error.responseData);
    const named = reason === undefined ? '' : ` (${reason})`;
    return new OpenFgaUnusable(`it answered ${error.statusCode}${named}${meaning[error.statusCode] ?? ''}`, {
      httpStatus: error.statusCode,
      reason,
    });
  }
  // What Node says of a connection: the SDK leaves nothing else of it.
  const said = error instanceof FgaError || error instanceof TypeError ? causeOf(error) : '';
  if (/certificate|altnames|\bSSL\b|\bTLS\b/i.test(said))
    return new OpenFgaUnusable('its certificate is not accepted, or it does not speak TLS');
  if (/maxContentLength/.test(said)) return new OpenFgaUnusable('its answer is too large');
  return new OpenFgaUnusable('it is not reached, or its answer breaks off');
}

/** `fetch` hides what happened in its error's cause. */
function causeOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message} ${error.cause.message}` : error.message;
}

function reasonIn(data: unknown): string | undefined {
  const text = z.object({ text: z.string() }).safeParse(data);
  if (!text.success) return undefined;
  return readJson(errorBody, text.data.text)?.code;
}

/** Undefined for what is not JSON, or other JSON than that. */
export function readJson<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const meaning: Readonly<Record<number, string>> = {
  401: ', so its key or token is wrong',
  403: ', so its key or token may not do this',
  429: ', so a limit of its own is used up',
};
