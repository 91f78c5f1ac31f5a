import { UnreachableError } from '../../client/client.ts';
import { ClearanceError, StartupError } from '../../types/errors.ts';

/** One line for the operator, cause included, for theirs are the machine and the data; a fault of ours keeps its stack. */
export function told(error: unknown): unknown {
  if (error instanceof StartupError || error instanceof UnreachableError) return error.message;
  if (!(error instanceof ClearanceError)) return error;
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
