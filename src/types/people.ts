import { randomBytes } from 'node:crypto';

/** A person as the engine knows them, alone or within a relationship; not `user:*`, who is nobody in particular. */
const PERSON = /(?<!\S)user:(?!\*(?![^\s#]))[^\s#]+/gu;
const PSEUDONYM = /(?<!\S)person:[\w-]{22}(?![^\s#])/gu;

/** Random, so that it tells nothing once nobody keeps whom it stands for. */
export function newPseudonym(): string {
  return `person:${randomBytes(16).toString('base64url')}`;
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
      member === undefined ? [] : [[key, eachString(member, change)]],
    ),
  );
}
