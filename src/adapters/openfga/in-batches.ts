/** What one call of ours may have in flight, so that others get their turn. */
const IN_FLIGHT = 10;

/** The results in order. */
export async function inBatches<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += IN_FLIGHT) {
    results.push(...(await Promise.all(items.slice(i, i + IN_FLIGHT).map(work))));
  }
  return results;
}
