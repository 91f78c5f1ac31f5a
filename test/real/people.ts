import type { Tuple } from '../../src/types/tuple.ts';

const PEOPLE_IN_A_GROUP = 10;

export type Size = {
  readonly people: number;
  /** Documents of each person. */
  readonly own: number;
  /** Documents of each group of ten. */
  readonly shared: number;
};

/** Someone who may read their own documents and their group's, and by construction nothing else. */
export type Person = {
  readonly name: string;
  readonly word: string;
  readonly groupWord: string;
  readonly readable: readonly KnownDocument[];
};

/** Text of which each document has its own, so that a passage tells where it is from. */
export type KnownDocument = {
  readonly id: string;
  readonly word: string;
  /** Its person's or its group's. */
  readonly ofWord: string;
  readonly text: string;
};

export type World = {
  readonly people: readonly Person[];
  readonly documents: readonly { readonly id: string; readonly title: string; readonly text: string }[];
  readonly relationships: readonly Tuple[];
};

export function worldOf(size: Size): World {
  const groups = Array.from({ length: Math.ceil(size.people / PEOPLE_IN_A_GROUP) }, (_, g) => {
    const word = wordOf('q', g);
    return { name: `group:g${g}`, word, documents: documentsOf(`shared-${g}`, word, size.shared) };
  });
  const people = Array.from({ length: size.people }, (_, p) => {
    const word = wordOf('z', p);
    const group = groups[p % groups.length];
    if (group === undefined) throw new Error('a person without a group');
    const own = documentsOf(`own-${p}`, word, size.own);
    return { name: `person-${p}`, word, group, own };
  });
  return {
    people: people.map(({ name, word, group, own }) => ({
      name,
      word,
      groupWord: group.word,
      readable: [...own, ...group.documents],
    })),
    documents: [...people.flatMap(({ own }) => own), ...groups.flatMap(({ documents }) => documents)].map(
      ({ id, text }) => ({ id, title: id, text }),
    ),
    relationships: [
      ...people.map(({ name, group }) => ({ user: `user:${name}`, relation: 'member', object: group.name })),
      ...people.flatMap(({ name, own }) => own.map((document) => viewer(`user:${name}`, document))),
      ...groups.flatMap(({ name, documents }) =>
        documents.map((document) => viewer(`${name}#member`, document)),
      ),
    ],
  };
}

function documentsOf(id: string, word: string, count: number): KnownDocument[] {
  return Array.from({ length: count }, (_, n) => {
    const own = `${word}${wordOf('x', n)}`;
    const text = `The report ${own} of ${word} says what ${word} has done.`;
    return { id: `${id}-${n}`, word: own, ofWord: word, text };
  });
}

function viewer(user: string, { id }: KnownDocument): Tuple {
  return { user, relation: 'viewer', object: `document:${id}` };
}

/** No word of any language, and none that stemming would change. */
function wordOf(first: string, number: number): string {
  const letters = String(number).replaceAll(/\d/g, (digit) => 'bcfghjkmpt'.charAt(Number(digit)));
  return `${first}v${letters}`;
}

/** `k` is all that the person may read. */
export type Asked = { readonly query: string; readonly k: number; readonly target: KnownDocument };

/** The person's nth question: the first and every third for a stranger's document, the others for one that they may read. */
export function questionOf(people: readonly Person[], person: Person, n: number): Asked {
  const { readable, word, groupWord } = person;
  const stranger = people[(people.indexOf(person) + 1 + n) % people.length] ?? person;
  const of = n % 3 === 0 ? stranger.readable : readable;
  const target = of[n % of.length];
  if (target === undefined) throw new Error('nothing to ask for');
  // Of all that there is, what is asked for comes first; what the person may read is among the next.
  const query = `the report ${target.word} of ${target.ofWord} for ${word} and ${groupWord}`;
  return { query, k: readable.length, target };
}
