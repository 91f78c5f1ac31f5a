import { createHmac, randomBytes } from 'node:crypto';

/** A person as the engine knows them, alone or within a relationship; not `user:*`, who is nobody in particular. */
const PERSON = /(?<!\S)user:(?!\*(?![^\s#]))[^\s#]+/gu;
const PSEUDONYM = /(?<!\S)person:[\w-]{22}(?![^\s#])/gu;

/** Whom a pseudonym stands for, and what shows that it does. */
export type Person = { readonly name: string; readonly pseudonym: string; readonly salt: string };

/** Fit for no other name, and telling nothing of this one to who has not the salt. */
export function newPerson(tenant: string, name: string): Person {
  const salt = randomBytes(16).toString('base64url');
  return { name, salt, pseudonym: pseudonymOf(tenant, name, salt) };
}

export function isPerson(tenant: string, { name, pseudonym, salt }: Person): boolean {
  return pseudonymOf(tenant, name, salt) === pseudonym;
}

/** By pseudonym, of those that are what they say. */
export function namesOf(tenant: string, people: readonly Person[]): ReadonlyMap<string, string> {
  const real = people.filter((person) => isPerson(tenant, person));
  return new Map(real.map(({ name, pseudonym }) => [pseudonym, name]));
}

function pseudonymOf(tenant: string, name: string, salt: string): string {
  const mac = createHmac('sha256', Buffer.from(salt, 'base64url')).update(`${tenant} ${name}`).digest();
  return `person:${mac.subarray(0, 16).toString('base64url')}`;
}

export function peopleIn(value: unknown): ReadonlySet<string> {
  return found(value, PERSON);
}

export function pseudonymsIn(value: unknown): ReadonlySet<string> {
  return found(value, PSEUDONYM);
}

/** As JSON holds it, with each person replaced. Throws for one who has no pseudonym. */
export function withoutPeople(value: unknown, pseudonyms: ReadonlyMap<string, string>): unknown {
  return eachString(value, (text) =>
    text.replace(PERSON, (name) => {
      const pseudonym = pseudonyms.get(name);
      if (pseudonym === undefined) throw new Error('a person without a pseudonym');
      return pseudonym;
    }),
  );
}

/** With the names that are still known. */
export function withPeople(value: unknown, names: ReadonlyMap<string, string>): unknown {
  return eachString(value, (text) =>
    text.replace(PSEUDONYM, (pseudonym) => names.get(pseudonym) ?? pseudonym),
  );
}

function found(value: unknown, pattern: RegExp): ReadonlySet<string> {
  const all = new Set<string>();
  eachString(value, (text) => {
    for (const [match] of text.matchAll(pattern)) all.add(match);
    return text;
  });
  return all;
}

function eachString(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => eachString(item, change));
  if (value instanceof Date) return value.toISOString();
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) =>
      member === undefined ? [] : [[change(key), eachString(member, change)]],
    ),
  );
}
