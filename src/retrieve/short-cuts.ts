import type { Proofs } from '../ports/proofs.ts';
import { Costs } from './costs.ts';
import type { ShortCuts, ShortCutsOf } from './judge.ts';

export function shortCutsBy(proofs: Proofs): ShortCutsOf {
  const each = new Map<string, ShortCuts>();
  return (tenant) => {
    let of = each.get(tenant);
    if (of === undefined) each.set(tenant, (of = { proofs, costs: new Costs() }));
    return of;
  };
}
