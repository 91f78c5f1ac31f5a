/** Doesn't trust the work to obey the signal: once that is aborted, its outcome is no longer waited for. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal, why: () => Error): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(why());
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
