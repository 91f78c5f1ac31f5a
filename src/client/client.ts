import { z } from 'zod';
import { ClearanceError, type ErrorCode, errorStatus } from '../types/errors.ts';
import { type RetrieveRequest, type RetrieveResponse, retrieveResponse } from '../types/retrieval.ts';

const TIMEOUT_MS = 30_000;

/** RFC 9457. A service newer than this client may send a code that is not known here. */
const problem = z.object({ code: z.string(), title: z.string().optional(), detail: z.string().optional() });

/** RFC 6750, section 2.1. Checked because fetch quotes a header that it refuses, token and all, in its error. */
const bearer = /^[\w.~+/-]+=*$/;

/** The service could not be reached, or did not answer in time. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

export type ClearanceClient = {
  /** Throws the service's own `ClearanceError`, `UnreachableError`, or the signal's reason. */
  retrieve(request: RetrieveRequest, options?: { signal?: AbortSignal }): Promise<RetrieveResponse>;
};

export type ClientOptions = {
  /** The service, `http://127.0.0.1:8080`; a path is kept, for a service behind a prefix. */
  readonly url: string;
  readonly token: string;
};

export function clearanceClient({ url, token }: ClientOptions): ClearanceClient {
  const base = url.endsWith('/') ? url : `${url}/`;
  if (!/^https?:\/\//i.test(base) || !URL.canParse(base)) {
    throw new ClearanceError(
      'invalid_request',
      `The service's URL must start with http:// or https://: ${url}`,
    );
  }
  if (!bearer.test(token)) {
    throw new ClearanceError(
      'unauthenticated',
      'The token is not a bearer token: it is empty or has characters no token has.',
    );
  }
  return {
    async retrieve(request, { signal } = {}) {
      const endpoint = new URL('v1/retrieve', base).href;
      const { status, body } = await post(endpoint, token, request, signal);
      if (status !== 200) throw failure(endpoint, status, body);
      const parsed = retrieveResponse.safeParse(body);
      if (!parsed.success) {
        throw new ClearanceError(
          'internal',
          `${endpoint} answered, but not as Clearance does: is the URL right?`,
          {
            cause: parsed.error,
          },
        );
      }
      return parsed.data;
    },
  };
}

async function post(endpoint: string, token: string, body: unknown, signal: AbortSignal | undefined) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      // The token is for this address only.
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    return { status: response.status, body: parseJson(await response.text()) };
  } catch (error) {
    signal?.throwIfAborted();
    const reason = timeout.aborted
      ? `gave no answer in ${TIMEOUT_MS / 1_000} s`
      : `can't be reached (${explain(error)})`;
    throw new UnreachableError(`${endpoint} ${reason}.`, { cause: error });
  }
}

function failure(endpoint: string, status: number, body: unknown): ClearanceError {
  const parsed = problem.safeParse(body);
  if (!parsed.success) {
    return new ClearanceError(
      'internal',
      `${endpoint} answered ${status}, but not as Clearance does: is the URL right?`,
    );
  }
  const { code, title, detail } = parsed.data;
  const message = detail ?? title ?? `${endpoint} answered ${status}.`;
  return isErrorCode(code)
    ? new ClearanceError(code, message)
    : new ClearanceError('internal', `${code}: ${message}`);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorStatus, code);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** fetch hides the reason, ECONNREFUSED for one, in the cause of its "fetch failed". */
function explain(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return 'no reason given';
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
