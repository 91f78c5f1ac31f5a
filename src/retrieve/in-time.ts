import { ClearanceError } from '../types/errors.ts';

/** Of a whole request: each query of the store has a deadline of its own, and many that are late add up. */
const REQUEST_MS = 22_000;

/** An answer later than that is none. What the request still does then releases nothing. */
export async function inTime<T>(answer: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () =>
      reject(new ClearanceError('store_unavailable', 'It took too long. Nothing was released; try again.')),
    REQUEST_MS,
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
