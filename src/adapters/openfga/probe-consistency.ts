import { randomBytes } from 'node:crypto';
import { ConsistencyPreference } from '@openfga/sdk';
import { MAX_CHECKS_A_BATCH, MAX_TUPLES_A_WRITE, type TupleChanges } from '../../ports/engine.ts';
import type { EngineStore } from '../../ports/engine-stores.ts';
import type { OpenFgaClient } from './client.ts';
import type { Findings } from './probe.ts';
import { askAll } from './questions.ts';
import { OpenFgaUnusable } from './unusable.ts';

/**
 * Whether a check at higher consistency sees every change before it. Fifty people are let in through a group each
 * and asked about, so that a cache holds them; then all are shut out, then let in again, and asked about each time.
 * On the way it is seen whether the server takes as many tuples and checks at once as we send.
 */
export async function probeConsistency(
  client: OpenFgaClient,
  bookkeeping: EngineStore,
): Promise<Pick<Findings, 'found' | 'problems'>> {
  // Several copies may probe at once.
  const run = randomBytes(8).toString('hex');
  const each = Array.from({ length: MAX_CHECKS_A_BATCH }, (_, i) => `${run}-${i}`);
  const members = each.map((id) => ({ user: `user:${id}`, relation: 'member', object: `group:${id}` }));
  const grants = each.map((id) => ({
    user: `group:${id}#member`,
    relation: 'viewer',
    object: `probe:${id}`,
  }));
  // Some caches hold a person's own relationship, some a group's.
  const taken = each
    .map((_, i) => (i % 2 === 0 ? members : grants)[i])
    .filter((tuple) => tuple !== undefined);
  const questions = each.map((id) => ({ user: `user:${id}`, relation: 'viewer', object: `probe:${id}` }));
  const change = (changes: Partial<TupleChanges>) =>
    client.write(bookkeeping, { writes: [], deletes: [], ...changes }, 'lenient');
  const allowed = async (consistency: ConsistencyPreference) => {
    const answers = await askAll(client, bookkeeping, questions, { consistency });
    return answers.filter((answer) => answer.allowed === true).length;
  };
  const { MinimizeLatency, HigherConsistency } = ConsistencyPreference;

  try {
    await change({ writes: [...members, ...grants] });
    await allowed(MinimizeLatency);
    await change({ deletes: taken });
    const cached = await allowed(MinimizeLatency);
    const revokedYetAllowed = await allowed(HigherConsistency);
    await change({ writes: taken });
    const grantedAndAllowed = await allowed(HigherConsistency);

    const problems: string[] = [];
    if (revokedYetAllowed > 0 || grantedAndAllowed < each.length) {
      problems.push(
        `it does not honour higher consistency: of ${each.length} people it still allowed ${revokedYetAllowed} who had been shut out, and did not allow ${each.length - grantedAndAllowed} who had been let in`,
      );
    }
    return {
      found: [
        `OpenFGA takes ${MAX_CHECKS_A_BATCH} checks and ${MAX_TUPLES_A_WRITE} tuples at once` +
          `${cached > 0 ? ', has a cache' : ''}${problems.length === 0 ? ' and honours higher consistency' : ''}.`,
      ],
      problems,
    };
  } catch (error) {
    const limit = limitMet(error);
    if (limit === undefined) throw error;
    return { found: [], problems: [limit] };
  } finally {
    // Ids that nothing else has: what is left by a server that fails here grants nobody anything.
    await change({ deletes: [...members, ...grants] }).catch(() => {});
  }
}

/** With limits of its own the server answers 400: `exceeded_entity_limit` of a write, `validation_error` of a batch. */
function limitMet(error: unknown): string | undefined {
  if (!(error instanceof OpenFgaUnusable) || error.httpStatus !== 400) return undefined;
  return error.reason === 'exceeded_entity_limit'
    ? `it takes fewer than ${MAX_TUPLES_A_WRITE} tuples in one write: leave OPENFGA_MAX_TUPLES_PER_WRITE at its default`
    : `it takes fewer than ${MAX_CHECKS_A_BATCH} checks in one batch: leave OPENFGA_MAX_CHECKS_PER_BATCH_CHECK at its default`;
}
