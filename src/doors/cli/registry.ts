import type { Config } from '../../config.ts';
import { withRegistries } from '../../operations.ts';
import { operatorOf } from '../../operator.ts';
import type { Registries } from '../../registry/registries.ts';
import type { Principal } from '../../types/principal.ts';

export type OfTenant = { readonly tenant: string };

/** What one registry has for the command line. */
export type Administration<Change, Told> = {
  alter(registries: Registries, by: Principal, id: string, input: Change): Promise<Told>;
  remove(registries: Registries, by: Principal, id: string): Promise<void>;
  read(registries: Registries, by: Principal, id: string): Promise<Told>;
  list(
    registries: Registries,
    by: Principal,
    after: string,
  ): Promise<{ readonly page: readonly Told[]; readonly next: string | null }>;
  print(told: Told): void;
  /** Said of one that is removed. */
  readonly gone: string;
};

/** Who holds the data folder, or may log in to the database, is an administrator of it. */
export async function administer<T>(
  config: Config,
  { tenant }: OfTenant,
  work: (registries: Registries, by: Principal) => Promise<T>,
): Promise<T> {
  const { principal } = await operatorOf(config);
  return withRegistries(config, (registries) => work(registries, { ...principal, tenant }));
}

export function registryActions<Change, Told>(of: Administration<Change, Told>) {
  return {
    async change(config: Config, id: string, tenant: OfTenant, input: Change): Promise<void> {
      of.print(await administer(config, tenant, (all, by) => of.alter(all, by, id, input)));
    },
    async remove(config: Config, id: string, tenant: OfTenant): Promise<void> {
      await administer(config, tenant, (all, by) => of.remove(all, by, id));
      console.log(`${id} ${of.gone}`);
    },
    async show(config: Config, id: string, tenant: OfTenant): Promise<void> {
      of.print(await administer(config, tenant, (all, by) => of.read(all, by, id)));
    },
    list: (config: Config, tenant: OfTenant): Promise<void> =>
      administer(config, tenant, async (all, by) => {
        for (let after: string | null = ''; after !== null; ) {
          const listed: Awaited<ReturnType<typeof of.list>> = await of.list(all, by, after);
          for (const told of listed.page) of.print(told);
          after = listed.next;
        }
      }),
  };
}

export function printResponsible(told: {
  readonly owner: string | null;
  readonly created_by: string;
  readonly created_at: string;
  readonly reviewed_by: string | null;
  readonly reviewed_at: string | null;
}): void {
  const { owner, created_by, created_at, reviewed_by, reviewed_at } = told;
  console.log(`  owner: ${owner ?? 'none'}; created by ${created_by}, ${created_at}`);
  console.log(`  reviewed: ${reviewed_by === null ? 'never' : `by ${reviewed_by}, ${reviewed_at}`}`);
}
