import pg from 'pg';
import { ClearanceError } from '../../types/errors.ts';

const READ_ONLY = '25006';

const slow = 'The store took too long. Nothing was released; try again.';
const busy = 'The store has no connection to spare. Nothing was released; try again.';
export const READ_ONLY_DETAIL =
  'The store takes no writes at this moment, as during a failover. Nothing was released; try again.';

/** What a caller may know, by SQLSTATE. */
const byState: Readonly<Record<string, string>> = {
  [READ_ONLY]: READ_ONLY_DETAIL,
  '53100':
    "The store's disk is full. Nothing can be written, the audit trail included, until an operator has made room.",
  '53300': busy,
  // Cancelled at statement_timeout, or waiting at lock_timeout.
  '57014': slow,
  '55P03': slow,
};

/** What `pg` and its pool say where no server has answered; they give no codes. */
const byMessage: Readonly<Record<string, string>> = {
  'timeout exceeded when trying to connect': busy,
  'Query read timeout': slow,
};

/** A mistake in our SQL is a fault of ours; everything else that Postgres or the socket says is an outage. */
export function storeError(error: unknown): unknown {
  if (error instanceof ClearanceError || isOurFault(error)) return error;
  const known = error instanceof pg.DatabaseError ? byState[error.code ?? ''] : byMessage[messageOf(error)];
  return new ClearanceError(
    'store_unavailable',
    known ?? 'The store does not answer. Nothing was released; try again.',
    { cause: error },
  );
}

/** Whether the server at the other end is no primary any more. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === READ_ONLY;
}

/** SQLSTATE classes 22 (data), 23 (constraint), 42 (syntax, missing table or privilege) and 54 (too long, too complex). */
function isOurFault(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(22|23|42|54)/.test(error.code ?? '');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
