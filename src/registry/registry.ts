import { randomUUID } from 'node:crypto';
import { type AuditLog, type AuditRecord, takeBack, whoOf } from '../ports/audit.ts';
import type { Entries } from '../ports/entries.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Principal } from '../types/principal.ts';
import type { Registered } from '../types/registered.ts';

/** One registry: what its entries are called, and what is told of one. */
export type Registry<Entry extends Registered, Told> = {
  readonly entries: Entries<Entry>;
  readonly audit: AuditLog;
  /** `agent`. */
  readonly noun: string;
  /** Throws for what can be no id. */
  readonly idOf: (text: string) => string;
  readonly events: { readonly write: AuditRecord['event']; readonly remove: AuditRecord['event'] };
  readonly told: (entry: Entry) => Told;
};

/** What a page holds at most. */
const PAGE = 1_000;

/** What a registration says of an entry, beside what the registry itself keeps. */
export type Fields<Entry extends Registered> = Omit<
  Entry,
  'id' | 'createdBy' | 'createdAt' | 'reviewed' | 'revision'
>;

/** Of an entry; `reviewed`: by whoever makes this change. */
export type Change<Entry extends Registered> = {
  readonly fields: Partial<Fields<Entry>>;
  readonly reviewed: boolean;
};

/** All of these are for administrators: the door has made sure. */
export async function register<Entry extends Registered, Told>(
  registry: Registry<Entry, Told>,
  by: Principal,
  id: string,
  entryOf: (known: Omit<Registered, keyof Fields<Registered>>, before: Entry | undefined) => Entry,
): Promise<{ readonly entry: Told; readonly created: boolean }> {
  const before = await known(registry, by, id);
  const after = entryOf(
    {
      id,
      createdBy: before?.createdBy ?? by.subject,
      createdAt: before?.createdAt ?? new Date(),
      reviewed: before?.reviewed,
      revision: (before?.revision ?? 0) + 1,
    },
    before,
  );
  await write(registry, by, before, after);
  return { entry: registry.told(after), created: before === undefined };
}

export async function change<Entry extends Registered, Told>(
  registry: Registry<Entry, Told>,
  by: Principal,
  id: string,
  { fields, reviewed }: Change<Entry>,
): Promise<Told> {
  const before = (await known(registry, by, id)) ?? unknown(registry);
  const after: Entry = {
    ...before,
    ...fields,
    ...(reviewed ? { reviewed: { by: by.subject, at: new Date() } } : {}),
    revision: before.revision + 1,
  };
  await write(registry, by, before, after);
  return registry.told(after);
}

export async function remove<Entry extends Registered, Told>(
  registry: Registry<Entry, Told>,
  by: Principal,
  id: string,
): Promise<void> {
  const before = (await known(registry, by, id)) ?? unknown(registry);
  const details = { before: registry.told(before) };
  await recorded(registry, by, registry.events.remove, details, () =>
    registry.entries.remove(by.tenant, id, before.revision),
  );
}

export async function read<Entry extends Registered, Told>(
  registry: Registry<Entry, Told>,
  by: Principal,
  id: string,
): Promise<Told> {
  return registry.told((await known(registry, by, id)) ?? unknown(registry));
}

/** By id, from the one after `after` on; `next` is where to go on. */
export async function list<Entry extends Registered, Told extends { readonly id: string }>(
  registry: Registry<Entry, Told>,
  by: Principal,
  after = '',
): Promise<{ readonly page: Told[]; readonly next: string | null }> {
  const from = after === '' ? '' : registry.idOf(after);
  const page = (await registry.entries.list(by.tenant, from, PAGE)).map(registry.told);
  return { page, next: page.length < PAGE ? null : (page.at(-1)?.id ?? null) };
}

async function known<Entry extends Registered, Told>(
  { entries, idOf }: Registry<Entry, Told>,
  { tenant }: Principal,
  id: string,
): Promise<Entry | undefined> {
  const [entry] = await entries.find(tenant, [idOf(id)]);
  return entry;
}

async function write<Entry extends Registered, Told>(
  registry: Registry<Entry, Told>,
  by: Principal,
  before: Entry | undefined,
  after: Entry,
): Promise<void> {
  const details = {
    ...(before === undefined ? {} : { before: registry.told(before) }),
    after: registry.told(after),
  };
  await recorded(registry, by, registry.events.write, details, () =>
    registry.entries.put(by.tenant, after, before?.revision),
  );
}

type Named = { readonly audit: AuditLog; readonly noun: string };

/** Throws where somebody else was faster, and takes the record back. */
async function recorded(
  { audit, noun }: Named,
  by: Principal,
  event: AuditRecord['event'],
  details: AuditRecord['details'],
  work: () => Promise<boolean>,
): Promise<void> {
  const decision = { ...whoOf(by), decisionId: randomUUID() };
  await audit.append({ ...decision, event, details });
  if (await work()) return;
  await takeBack(audit, decision);
  throw new ClearanceError(
    'conflict',
    `Somebody else has changed this ${noun} meanwhile. Read it again, and try again.`,
  );
}

function unknown({ noun }: Named): never {
  throw new ClearanceError('not_found', `No such ${noun}.`);
}
