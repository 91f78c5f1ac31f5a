import { ClearanceError } from '../types/errors.ts';
import { orAborted } from '../types/or-aborted.ts';

/** Of a whole request: each query of the store has a deadline of its own, and many that are late add up. */
const REQUEST_MS = 22_000;

/** An answer later than that is none: `late` is then aborted, and what the request still does releases nothing. */
export async function inTime<T>(work: (late: AbortSignal) => Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(REQUEST_MS);
  return orAborted(work(late), late, tooLate);
}

export function tooLate(): ClearanceError {
  return new ClearanceError('store_unavailable', 'It took too long. Nothing was released; try again.');
}
