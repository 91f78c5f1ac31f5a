import { type Registries, requireRelations } from '../registry/registries.ts';
import { change, list, type Registry, read, register, remove } from '../registry/registry.ts';
import { ClearanceError } from '../types/errors.ts';
import { parseInput } from '../types/parse.ts';
import type { Principal } from '../types/principal.ts';
import { toldRegistered } from '../types/registered.ts';
import {
  type Grants,
  type Source,
  type SourceChange,
  type SourceRegistration,
  type SourceResponse,
  sourceChange,
  sourceId,
  sourceRegistration,
  sourceStandingOf,
} from '../types/source.ts';

/** All of these are for administrators: the door has made sure. */
export async function registerSource(
  registries: Registries,
  by: Principal,
  id: string,
  input: SourceRegistration,
): Promise<{ readonly source: SourceResponse; readonly created: boolean }> {
  const fields = parseInput(sourceRegistration, input);
  await requireGrantable(registries, fields.grants);
  const registered = await register(sourcesIn(registries), by, id, (known) => ({ ...known, ...fields }));
  return { source: registered.entry, created: registered.created };
}

export async function changeSource(
  registries: Registries,
  by: Principal,
  id: string,
  input: SourceChange,
): Promise<SourceResponse> {
  const { owner, purpose, state, grants, reviewed } = parseInput(sourceChange, input);
  await requireGrantable(registries, grants ?? []);
  const fields = {
    ...(owner === undefined ? {} : { owner: owner ?? undefined }),
    ...(purpose === undefined ? {} : { purpose }),
    ...(state === undefined ? {} : { state }),
    ...(grants === undefined ? {} : { grants }),
  };
  return change(sourcesIn(registries), by, id, { fields, reviewed: reviewed === true });
}

export function removeSource(registries: Registries, by: Principal, id: string): Promise<void> {
  return remove(sourcesIn(registries), by, id);
}

export function readSource(registries: Registries, by: Principal, id: string): Promise<SourceResponse> {
  return read(sourcesIn(registries), by, id);
}

export async function listSources(registries: Registries, by: Principal, after?: string) {
  const { page: sources, next } = await list(sourcesIn(registries), by, after);
  return { sources, next };
}

function sourcesIn({ sources, audit }: Registries): Registry<Source, SourceResponse> {
  return {
    entries: sources,
    audit,
    noun: 'source',
    idOf: (text) => parseInput(sourceId, text),
    events: { write: 'write_source', remove: 'delete_source' },
    told,
  };
}

function told(source: Source): SourceResponse {
  const standing = sourceStandingOf(source);
  return {
    ...toldRegistered(source),
    standing: standing === 'unregistered' ? 'suspended' : standing,
    grants: source.grants,
  };
}

/** Relationships of documents go with their documents, which belong to one source: a grant of their type would be for all. */
async function requireGrantable({ vocabulary }: Registries, grants: Grants): Promise<void> {
  for (const { type, relations } of grants) {
    if (type === vocabulary.guardedType) {
      throw new ClearanceError(
        'invalid_request',
        `"${type}" can't be granted: a source writes the relationships of its own documents with them.`,
      );
    }
    await requireRelations(vocabulary, type, relations);
  }
}
