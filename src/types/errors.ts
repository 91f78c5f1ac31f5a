/** Every way a request can fail, with its HTTP status. Codes are stable: clients switch on them. */
export const errorStatus = {
  invalid_request: 400,
  not_built_yet: 400,
  invalid_filter: 400,
  invalid_relationship: 400,
  invalid_document: 400,
  unauthenticated: 401,
  forbidden: 403,
  agent_not_allowed: 403,
  approval_required: 403,
  source_not_allowed: 403,
  delegation_not_allowed: 403,
  not_found: 404,
  conflict: 409,
  session_full: 409,
  too_large: 413,
  unsupported_media_type: 415,
  rate_limited: 429,
  internal: 500,
  overloaded: 503,
  identity_unavailable: 503,
  engine_unavailable: 503,
  audit_unavailable: 503,
  store_unavailable: 503,
  embeddings_unavailable: 503,
} as const;

export type ErrorCode = keyof typeof errorStatus;

/** An error whose `message` may be shown to the caller; what must not be shown goes into `cause`. */
export class ClearanceError extends Error {
  override readonly name = 'ClearanceError';
  readonly code: ErrorCode;
  /** Seconds after which the same request may succeed, where that is known. */
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { readonly retryAfter?: number }) {
    super(message, options);
    this.code = code;
    this.retryAfter = options?.retryAfter ?? (errorStatus[code] === 503 ? 1 : undefined);
  }

  get status(): number {
    return errorStatus[this.code];
  }
}

/** A mistake of the operator's (configuration, data folder, command line): printed without a stack. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** What may go into a log: a database error's `detail` holds values of rows, so only its message and code do. */
export function describeError(error: unknown): { name: string; message: string; code?: unknown } {
  if (!(error instanceof Error)) return { name: typeof error, message: 'not an error' };
  return { name: error.name, message: error.message, ...('code' in error ? { code: error.code } : {}) };
}
