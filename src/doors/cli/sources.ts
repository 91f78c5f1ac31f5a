import type { Config } from '../../config.ts';
import {
  changeSource,
  listSources,
  readSource,
  registerSource,
  removeSource,
} from '../../sources/registry.ts';
import type { SourceChange, SourceRegistration, SourceResponse } from '../../types/source.ts';
import { administer, type OfTenant, printResponsible, registryActions } from './registry.ts';

export async function register(
  config: Config,
  id: string,
  of: OfTenant,
  input: SourceRegistration,
): Promise<void> {
  const { source } = await administer(config, of, (all, by) => registerSource(all, by, id, input));
  print(source);
}

export const actions = registryActions<SourceChange, SourceResponse>({
  alter: changeSource,
  remove: removeSource,
  read: readSource,
  async list(all, by, after) {
    const { sources: page, next } = await listSources(all, by, after);
    return { page, next };
  },
  print,
  gone: 'is no longer known. Its documents stay.',
});

function print(source: SourceResponse): void {
  const { id, standing, purpose, grants } = source;
  const granted = grants.flatMap(({ type, relations }) => relations.map((relation) => `${type}#${relation}`));
  console.log(`${id}: ${standing}`);
  console.log(`  ${purpose}`);
  printResponsible(source);
  console.log(`  may write: ${['its documents', ...granted].join(', ')}`);
}
