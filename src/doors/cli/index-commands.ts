import type { Config } from '../../config.ts';
import {
  explainClaim as explained,
  explainIndex,
  rebuildIndex,
  type Verification,
  verifyIndex,
} from '../../index-operations.ts';
import type { TupleKey } from '../../types/tuple.ts';

export async function verify(config: Config, people: number): Promise<void> {
  for (const { tenant, ...found } of await verifyIndex(config, people)) {
    console.log(`Tenant ${tenant}:`);
    for (const line of lines(found)) console.log(`  ${line}`);
    if (isWrong(found)) process.exitCode = 1;
  }
}

function lines({ copy, scopes }: Omit<Verification, 'tenant'>): string[] {
  const { people, everywhere, allowed, inScope, lost, wider } = scopes;
  return [
    ...(copy === undefined
      ? []
      : [
          `Relationships: ${copy.inEngine} in OpenFGA, ${copy.inLedger} in the database's copy; the copy lacks ${copy.missing} and has ${copy.surplus} too many.${copy.coming === 0 ? '' : ` Not followed yet: ${copy.coming}.`}`,
        ]),
    `People tried: ${people}${everywhere === 0 ? '' : `, ${everywhere} of them not narrowed`}.`,
    `Documents that the engine allows them: ${allowed}. In the index: ${inScope}. Lost: ${lost.length}. Only in the index: ${wider}.`,
    ...lost.map(({ user, document }) => `LOST: ${user} does not find ${document}`),
    ...(copy !== undefined && copy.missing + copy.surplus > 0
      ? ['Running services put this right within minutes; "clearance index rebuild" does so now.']
      : []),
  ];
}

function isWrong({ copy, scopes }: Omit<Verification, 'tenant'>): boolean {
  return scopes.lost.length > 0 || (copy !== undefined && copy.missing + copy.surplus > 0);
}

export async function rebuild(config: Config): Promise<void> {
  for (const { tenant, inEngine, written, deleted, ms } of await rebuildIndex(config)) {
    console.log(
      `Tenant ${tenant}: read ${inEngine} relationships, wrote ${written} to the copy and took ${deleted} from it, in ${(ms / 1_000).toFixed(1)} s.`,
    );
  }
  console.log('Running services notice with their next request.');
}

export async function explain(config: Config, tenant: string, reader: string, object: string): Promise<void> {
  const explanation = await explainIndex(config, tenant, reader, object);
  const { published, way } = explanation;
  if (way === undefined) {
    console.log(
      `The index does not let ${reader} find ${object}: no relationship leads from one to the other.`,
    );
    if (!published) console.log(`Besides, ${object} is not published.`);
    printTuples(`Relationships of ${reader}:`, explanation.ofReader);
    printTuples(`Relationships on ${object}:`, explanation.ofDocument);
    return;
  }
  console.log(
    published
      ? `The index lets ${reader} find ${object}; the engine has the last word.`
      : `Relationships lead from ${reader} to ${object}, which is not published.`,
  );
  for (const line of way) console.log(`  ${line}`);
}

export async function explainClaim(config: Config, tenant: string, claim: TupleKey): Promise<void> {
  const { verdict, way, missing } = await explained(config, tenant, claim);
  const { user, relation, object } = claim;
  const text = `${user} ${relation} ${object}`;
  console.log(`The engine says: ${verdict}.`);
  if (verdict !== 'allowed') process.exitCode = 1;
  if (way !== undefined) {
    console.log(
      verdict === 'allowed'
        ? `${text}, because:`
        : `Relationships lead to "${text}", and something else speaks against it: a condition that is not met, a "but not", or a change within the last second.`,
    );
    for (const line of way) console.log(`  ${line}`);
    return;
  }
  if (verdict === 'allowed') {
    console.log('By a relationship that the copy in the database does not have yet.');
    return;
  }
  printTuples(`No relationship leads to "${text}". Each of these would:`, missing ?? []);
}

/** Lines of either end that are shown. */
const MAX_SHOWN = 20;

function printTuples(title: string, tuples: readonly TupleKey[]): void {
  console.log(tuples.length === 0 ? `${title} none.` : title);
  for (const tuple of tuples.slice(0, MAX_SHOWN)) {
    console.log(`  ${tuple.user} ${tuple.relation} ${tuple.object}`);
  }
  if (tuples.length > MAX_SHOWN) console.log(`  and ${tuples.length - MAX_SHOWN} more`);
}
