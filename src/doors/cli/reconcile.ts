import type { Reconciliation } from '../../agreement/reconcile.ts';
import type { Config } from '../../config.ts';
import { reconcileParts } from '../../operations.ts';
import { type TupleKey, tupleKey } from '../../types/tuple.ts';

export async function reconcile(config: Config, dryRun: boolean): Promise<void> {
  for (const { tenant, ...outcome } of await reconcileParts(config, dryRun)) {
    console.log(`Tenant ${tenant}: ${found[outcome.found]}`);
    for (const line of lines(outcome)) console.log(`  ${line}`);
  }
  console.log(dryRun ? 'Nothing was changed.' : 'Open: the running services notice within a second.');
}

const found = {
  agree: 'the database and the OpenFGA server are of one history.',
  engine_older:
    'the OpenFGA server was restored from an older backup; it was brought to what the database holds.',
  store_older: 'the database was restored from an older backup; it took over what the OpenFGA server holds.',
} as const;

function lines({ deleted, written, held, ledger }: Reconciliation): string[] {
  const each = (verb: string, tuples: readonly TupleKey[]) =>
    tuples.map((tuple) => `${verb} ${tupleKey(tuple)}`);
  return [
    ...each('deleted from OpenFGA:', deleted),
    ...each('written to OpenFGA again:', written),
    ...held.map((id) => `hidden until it is sent again: ${id}`),
    ...(ledger === 0 ? [] : [`relationships put right in the database's copy: ${ledger}`]),
  ];
}
