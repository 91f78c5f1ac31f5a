/** A user that ListUsers came upon, who may turn out to be the opposite of related. */
export type FoundUser = {
  readonly user: string;
  readonly isRelated: boolean;
  /** Users whom a wildcard found beside this one does not stand for. */
  readonly excluded: readonly string[];
};

/** How OpenFGA's ListUsers combines what the operands of a rewrite have found. */

export function unite(operands: readonly (readonly FoundUser[])[]): FoundUser[] {
  const users = new Set<string>();
  const exclusions = new Map<string, number>();
  for (const { user, isRelated, excluded } of operands.flat()) {
    for (const other of excluded) exclusions.set(other, (exclusions.get(other) ?? 0) + 1);
    if (isRelated) users.add(user);
  }
  const excluded = [...exclusions].flatMap(([user, times]) => (times === operands.length ? [user] : []));
  return [...users].map((user) => ({ user, isRelated: true, excluded }));
}

/** An operand that found the wildcard counts for everybody. */
export function intersect(operands: readonly (readonly FoundUser[])[], wildcard: string): FoundUser[] {
  const counts = new Map<string, number>();
  const exclusions = new Set<string>();
  let wildcards = 0;
  for (const operand of operands) {
    for (const user of operand.flatMap(({ excluded }) => excluded)) exclusions.add(user);
    const users = new Set(operand.flatMap(({ user, isRelated }) => (isRelated ? [user] : [])));
    const isPublic = users.has(wildcard);
    if (isPublic) wildcards += 1;
    for (const user of users) counts.set(user, (counts.get(user) ?? 0) + (isPublic ? 0 : 1));
  }
  const excluded = [...exclusions];
  return [...counts].flatMap(([user, count]) =>
    count + wildcards === operands.length && !exclusions.has(user)
      ? [{ user, isRelated: true, excluded }]
      : [],
  );
}

export function subtract(
  base: readonly FoundUser[],
  subtracted: readonly FoundUser[],
  wildcard: string,
): FoundUser[] {
  const kept = byUser(base);
  const removed = byUser(subtracted);
  const baseIsPublic = kept.has(wildcard);
  return [...kept.values()].flatMap((found) => {
    if (baseIsPublic) return subtractFromEverybody(found, removed, wildcard);
    const removal = removed.get(found.user);
    if (!removal && !removed.has(wildcard)) return [{ ...found, excluded: [] }];
    // A wildcard removes whoever is not himself named on the subtracted side as unrelated.
    return [{ user: found.user, isRelated: removal ? !removal.isRelated : false, excluded: [] }];
  });
}

function subtractFromEverybody(
  found: FoundUser,
  removed: ReadonlyMap<string, FoundUser>,
  wildcard: string,
): FoundUser[] {
  const results: FoundUser[] = [];
  const isRemoved = removed.has(found.user);
  if (!isRemoved && !removed.has(wildcard)) results.push(found);
  for (const { user, isRelated } of removed.values()) {
    if (user.endsWith(':*') && !user.includes('#')) {
      if (!isRemoved) results.push({ user: found.user, isRelated: false, excluded: [] });
    } else {
      results.push({ user, isRelated: !isRelated, excluded: isRelated ? [user] : [] });
    }
  }
  return results;
}

/** Of several findings of one user the last counts. */
function byUser(found: readonly FoundUser[]): Map<string, FoundUser> {
  return new Map(found.map((user) => [user.user, user]));
}
