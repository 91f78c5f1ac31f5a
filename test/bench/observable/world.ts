import type { Tuple } from '../../../src/types/tuple.ts';
import { randomFrom } from '../search/random.ts';

/** One thing that is there and may not be read, and one that is not there, alike in all that the asker says. */
export type Pair = { readonly forbidden: Named; readonly absent: Named };
export type Named = { readonly id: string; readonly question: string };

export type World = {
  readonly documents: readonly { readonly id: string; readonly title: string; readonly text: string }[];
  readonly relationships: readonly Tuple[];
  readonly pairs: readonly Pair[];
};

const READABLE = 300;
const WORDS = 120;
const CONSONANTS = 'bcdfghjklmnprtvz';
const VOWELS = 'aou';

/** Documents that bob may read, and one that he may not for each pair: another's own, a group's, in a folder, public to agents only. */
export function worldOf(pairs: number, seed: number): World {
  const random = randomFrom(seed);
  const pick = (letters: string) => letters.charAt(Math.floor(random() * letters.length));
  const made = new Set<string>();
  const word = (): string => {
    const fresh = Array.from({ length: 4 }, () => pick(CONSONANTS) + pick(VOWELS)).join('');
    if (made.has(fresh)) return word();
    made.add(fresh);
    return fresh;
  };
  const common = Array.from({ length: WORDS }, word);
  const some = (count: number) =>
    Array.from({ length: count }, () => common[Math.floor(random() * WORDS)] ?? '');
  const tuple = (user: string, relation: string, object: string): Tuple => ({ user, relation, object });

  const readable = Array.from({ length: READABLE }, (_, i) => ({
    id: `open-${i}`,
    title: some(3).join(' '),
    text: `${some(40).join(' ')}.`,
  }));
  const relationships = [
    tuple('group:inner#member', 'member', 'group:outer'),
    tuple('user:carl', 'member', 'group:inner'),
    tuple('group:outer#member', 'viewer', 'folder:top'),
    tuple('folder:top', 'parent', 'folder:below'),
    ...readable.map(({ id }) => tuple('user:bob', 'viewer', `document:${id}`)),
  ];
  const ways: readonly ((object: string) => Tuple)[] = [
    (object) => tuple('user:carl', 'viewer', object),
    (object) => tuple('group:outer#member', 'editor', object),
    (object) => tuple('folder:below', 'parent', object),
    (object) => tuple('agent:bot', 'viewer', object),
  ];
  const documents = [...readable];
  const asked = Array.from({ length: pairs }, (_, i): Pair => {
    const [secret, missing] = [word(), word()];
    const context = some(2).join(' ');
    const named = (about: string) => ({ id: `about-${about}`, question: `${about} ${context}` });
    const forbidden = named(secret);
    documents.push({
      id: forbidden.id,
      title: `${secret} ${context}`,
      text: `${secret} ${some(20).join(' ')} ${secret}.`,
    });
    const way = ways[i % ways.length];
    if (way !== undefined) relationships.push(way(`document:${forbidden.id}`));
    return { forbidden, absent: named(missing) };
  });
  return { documents, relationships, pairs: asked };
}
