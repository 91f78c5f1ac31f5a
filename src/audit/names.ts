import type { AuditRecord } from '../ports/audit.ts';
import type { TrailStore } from '../ports/audit-store.ts';
import { isPerson, newPerson, peopleIn } from '../types/people.ts';

/** Beyond it all are looked up again. */
const MOST_KNOWN = 100_000;

/** The pseudonyms of people, remembered: the store says with each insert whether they still stand for somebody. */
export class Names {
  readonly #store: TrailStore;
  readonly #known = new Map<string, string>();

  constructor(store: TrailStore) {
    this.#store = store;
  }

  /** For each tenant, of everyone in these records. */
  async of(records: readonly AuditRecord[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    const people = named(records);
    const unknown = people.filter((person) => !this.#known.has(keyOf(person)));
    if (unknown.length > 0) {
      if (this.#known.size + unknown.length > MOST_KNOWN) this.#known.clear();
      const proposed = people
        .filter((person) => !this.#known.has(keyOf(person)))
        .map(({ tenant, name }) => ({ tenant, ...newPerson(tenant, name) }));
      const found = await this.#store.people(proposed);
      for (const [i, { tenant, name }] of proposed.entries()) {
        const person = found[i];
        if (person?.name !== name || !isPerson(tenant, person)) {
          throw new Error(`AUDIT NAMES CHANGED: a pseudonym of tenant ${tenant} was given to somebody else`);
        }
        this.#known.set(keyOf({ tenant, name }), person.pseudonym);
      }
    }
    const byTenant = Map.groupBy(people, ({ tenant }) => tenant);
    return new Map(
      [...byTenant].map(([tenant, those]) => [
        tenant,
        new Map(those.map((person) => [person.name, this.#known.get(keyOf(person)) ?? ''])),
      ]),
    );
  }

  forget(records: readonly AuditRecord[]): void {
    for (const person of named(records)) this.#known.delete(keyOf(person));
  }
}

type Named = { readonly tenant: string; readonly name: string };

const keyOf = ({ tenant, name }: Named): string => `${tenant} ${name}`;

/** In one order, whoever asks: two copies that name the same people don't wait for each other in a circle. */
function named(records: readonly AuditRecord[]): readonly Named[] {
  const all = new Map<string, Named>();
  for (const { tenant, subject, chain, details } of records) {
    for (const name of peopleIn([subject, chain, details])) {
      const person = { tenant, name };
      all.set(keyOf(person), person);
    }
  }
  return [...all].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, person]) => person);
}
