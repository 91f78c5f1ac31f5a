import type { AuditLog } from '../ports/audit.ts';
import type { TrailArchive } from '../ports/audit-store.ts';
import { type Checkpoint, checkpoint, type Head } from '../types/audit-trail.ts';
import { StartupError } from '../types/errors.ts';
import { addCheckpoint, grownHead, isOver } from './checkpoints.ts';
import type { AuditKeys } from './keys.ts';
import { verifyTrail } from './verify.ts';

// What the owner of the tables does to the trail, with the key that signs it.

/**
 * A checkpoint over everything that the store has of a tenant: also over what copies have written since theirs, those that are
 * gone included.
 */
export function checkpointAll(archive: TrailArchive, keys: AuditKeys, tenant: string): Promise<Checkpoint> {
  return addCheckpoint(archive, keys, tenant, async (last) => {
    const closed = await closedSegments(archive, tenant);
    const known = new Map((last?.open ?? []).map((head) => [head.segment, head]));
    const found = (await archive.segments(tenant)).filter(({ segment }) => !closed.has(segment));
    for (const { segment, first } of found) {
      const before = known.get(segment) ?? { segment, begun: first.toISOString() };
      const head = await grownHead(archive, keys, tenant, before);
      if (head !== undefined) known.set(segment, head);
    }
    const all = [...known.values()];
    return { open: all.filter((head) => !isOver(head)), closed: all.filter(isOver) };
  });
}

async function closedSegments(archive: TrailArchive, tenant: string): Promise<ReadonlyMap<string, Head>> {
  const closed = new Map<string, Head>();
  for await (const { value } of archive.checkpoints(tenant)) {
    for (const head of checkpoint.safeParse(value).data?.closed ?? []) closed.set(head.segment, head);
  }
  return closed;
}

/**
 * Takes away the closed segments whose last record is from before that time, whole. A signed checkpoint says which, how far they
 * went and who has done it, before it is done. Refuses where the trail is not whole: what is left would prove less.
 */
export async function prune(
  archive: TrailArchive,
  keys: AuditKeys,
  tenant: string,
  before: Date,
): Promise<{ readonly segments: number; readonly records: number }> {
  const { problems, problemCount } = await verifyTrail(archive, tenant, keys.trusted);
  if (problemCount > 0) {
    throw new StartupError(
      `Nothing was taken away: the trail of tenant ${tenant} has ${problemCount} problems, the first: ${problems[0]}. Run "clearance audit verify", and keep the trail as it is until you know why.`,
    );
  }
  await checkpointAll(archive, keys, tenant);
  const closed = await closedSegments(archive, tenant);
  const sums = (await archive.segments(tenant)).filter(
    ({ segment, last }) => closed.has(segment) && last < before,
  );
  const segments = sums.flatMap(({ segment }) => closed.get(segment) ?? []);
  const records = sums.reduce((sum, each) => sum + each.records, 0);
  if (segments.length === 0) return { segments: 0, records: 0 };
  const pruned = { by: await archive.role(), before: before.toISOString(), segments, records };
  await addCheckpoint(archive, keys, tenant, async (last) => ({
    open: last?.open ?? [],
    closed: [],
    pruned,
  }));
  await archive.removeSegments(
    tenant,
    segments.map(({ segment }) => segment),
  );
  return { segments: segments.length, records };
}

/** Forgets whose pseudonym it is. The records stay as they are, and so does what proves them. */
export async function eraseName(
  archive: TrailArchive,
  audit: AuditLog,
  tenant: string,
  name: string,
  decisionId: string,
): Promise<string> {
  const pseudonym = await archive.pseudonymOf(tenant, name);
  if (pseudonym === undefined) {
    throw new StartupError(`The trail of tenant ${tenant} has nobody of the name ${name}.`);
  }
  const by = { issuer: 'clearance', subject: 'operator', chain: [] };
  await audit.append({ ...by, tenant, decisionId, event: 'erase_name', details: { erased: pseudonym } });
  await archive.forget(tenant, pseudonym);
  return pseudonym;
}
