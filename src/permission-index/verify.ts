import type { PermissionIndex } from '../ports/permission-index.ts';

export type Engine = {
  /** Documents that the engine says `user` may read: perhaps not all, but no others. */
  allowed(user: string): Promise<readonly string[]>;
  /** The numbers of those among these documents that can be found, by id. */
  published(ids: readonly string[]): Promise<ReadonlyMap<string, number>>;
};

export type Verified = {
  readonly people: number;
  /** Of those, who are not narrowed at all. */
  readonly everywhere: number;
  readonly allowed: number;
  readonly inScope: number;
  /** Allowed and not in the scope: must be none. */
  readonly lost: readonly { readonly user: string; readonly document: string }[];
  /** In the scope, and not told to be allowed. */
  readonly wider: number;
};

/** Whether the index lets each of these people find whatever the engine lets them read. */
export async function verifyScopes(
  index: PermissionIndex,
  engine: Engine,
  tenant: string,
  people: readonly string[],
): Promise<Verified> {
  let [everywhere, allowed, inScope, wider] = [0, 0, 0, 0];
  const lost: { user: string; document: string }[] = [];
  for (const user of people) {
    const first = await look(index, engine, tenant, user);
    // A change in between looks like a loss: one that is none is gone at the second look.
    const second = first.lost.length === 0 ? first : await look(index, engine, tenant, user);
    const before = new Set(first.lost);
    lost.push(...second.lost.filter((id) => before.has(id)).map((document) => ({ user, document })));
    allowed += second.allowed;
    inScope += second.allowed - second.lost.length;
    if (second.size === undefined) everywhere += 1;
    else wider += second.size - (second.allowed - second.lost.length);
  }
  return { people: people.length, everywhere, allowed, inScope, lost, wider };
}

async function look(index: PermissionIndex, engine: Engine, tenant: string, user: string) {
  const listed = await engine.allowed(user);
  const scope = await index.scope(tenant, [user]);
  const published = await engine.published(listed);
  const allowed = published.size;
  if (scope.kind === 'everywhere') return { allowed, lost: [], size: undefined };
  const lost = [...published].flatMap(([id, number]) => (scope.documents.has(number) ? [] : [id]));
  return { allowed, lost, size: scope.documents.size };
}
