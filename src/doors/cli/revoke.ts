import type { Config } from '../../config.ts';
import { withRevoking } from '../../operations.ts';
import { operatorOf } from '../../operator.ts';
import { revokeAny } from '../../revocation/revoke.ts';
import { parseInput } from '../../types/parse.ts';
import { type AdminRevocation, adminRevocation } from '../../types/revocation.ts';

/** Who holds the data folder, or may log in to the database, is an administrator of it. */
export async function revoke(
  config: Config,
  { tenant }: { readonly tenant: string },
  input: AdminRevocation,
): Promise<void> {
  const request = parseInput(adminRevocation, input);
  const { principal } = await operatorOf(config);
  const { in_force_since, agents } = await withRevoking(config, (revoking) =>
    revokeAny(revoking, { ...principal, tenant }, request),
  );
  if (agents !== undefined) console.log(`Agents: ${agents.length === 0 ? 'none' : agents.join(', ')}.`);
  console.log(`Revoked, in force since ${in_force_since}.`);
}
