import { isDeepStrictEqual } from 'node:util';
import type { Answer } from '../support/http.ts';
import type { World } from './world.ts';

/** In every text, and nowhere else. */
export const TEXT = /The harbour closes/;
/** In the text that the narrowed document is given along with its new readers. */
export const SECOND = /second edition/;

const ids = ['kept', 'narrowed', 'deleted', 'granted', 'new'] as const;
export const idOf = (slug: string, document: (typeof ids)[number]): string => `${slug}-${document}`;

export type Operation = {
  run(world: World, slug: string): Promise<Answer>;
  /** Statuses when nothing is at fault, also of a second time. */
  readonly well: readonly number[];
  /** Milliseconds that it may take under any fault. */
  readonly within: number;
  readonly effect?: Effect;
};

/** What a write is for: a document's relationships, and what those people get who ask for it. */
export type Effect = {
  readonly on: (typeof ids)[number];
  readonly tuples: readonly string[];
  readonly seenBy: Readonly<Record<string, 200 | 404>>;
};

function put(
  world: World,
  slug: string,
  id: (typeof ids)[number],
  more: { text?: string; readers: string[] },
) {
  return world.send('loader', 'PUT', `/v1/documents/${idOf(slug, id)}`, {
    title: slug,
    text: `The harbour closes at night. ${more.text ?? ''}`,
    metadata: { slug },
    relationships: more.readers.map((reader) => ({ user: `user:${reader}`, relation: 'viewer' })),
  });
}

/** The documents that a row's operations need; all that the row does is about these. */
export async function seed(world: World, slug: string): Promise<void> {
  const readers = { kept: ['anne'], narrowed: ['anne', 'bert'], deleted: ['anne'], granted: ['bert'] };
  for (const id of ['kept', 'narrowed', 'deleted', 'granted'] as const) {
    let answer = await put(world, slug, id, { readers: readers[id] });
    // A machine under load may be late in carrying it out.
    for (let again = 0; again < 5 && ![200, 201].includes(answer.status); again++) {
      answer = await put(world, slug, id, { readers: readers[id] });
    }
    if (![200, 201].includes(answer.status))
      throw new Error(`The seed of ${slug} was answered ${answer.status}: ${answer.text}`);
  }
}

const retrieveAs = (who: string) => (world: World, slug: string) =>
  world.send(who, 'POST', '/v1/retrieve', {
    query: 'When does the harbour close?',
    filter: { slug: { eq: slug } },
  });

const readAs = (world: World, who: string, id: string) => world.send(who, 'GET', `/v1/documents/${id}`);

/** What is in force: undefined if all of the effect is, and `no answer` where that can't be told. */
export async function lacking(world: World, slug: string, { on, tuples, seenBy }: Effect): Promise<unknown> {
  const id = idOf(slug, on);
  const held = await world.tuplesOf(id);
  if (!isDeepStrictEqual(held, tuples)) return { held };
  const people = Object.keys(seenBy);
  const seen = await Promise.all(people.map(async (who) => (await readAs(world, who, id)).status));
  if (seen.some((status) => status >= 500)) return 'no answer';
  return people.every((who, i) => seenBy[who] === seen[i]) ? undefined : { held, people, seen };
}

export const operations = {
  retrieve: { run: retrieveAs('anne'), well: [200], within: 25_000 },
  'retrieve without rights': { run: retrieveAs('mallory'), well: [200], within: 25_000 },
  'read a document': {
    run: (world, slug) => readAs(world, 'anne', idOf(slug, 'kept')),
    well: [200],
    within: 25_000,
  },
  'put a new document': {
    run: (world, slug) => put(world, slug, 'new', { readers: ['anne'] }),
    well: [200, 201],
    within: 50_000,
    effect: { on: 'new', tuples: ['user:anne viewer'], seenBy: { anne: 200, mallory: 404 } },
  },
  'narrow its readers': {
    run: (world, slug) => put(world, slug, 'narrowed', { readers: ['bert'], text: 'second edition' }),
    well: [200],
    within: 50_000,
    effect: { on: 'narrowed', tuples: ['user:bert viewer'], seenBy: { anne: 404, bert: 200, mallory: 404 } },
  },
  'delete a document': {
    run: (world, slug) => world.send('loader', 'DELETE', `/v1/documents/${idOf(slug, 'deleted')}`),
    well: [204, 404],
    within: 50_000,
    effect: { on: 'deleted', tuples: [], seenBy: { anne: 404, mallory: 404 } },
  },
  'change relationships': {
    run: (world, slug) => {
      const tuple = { relation: 'viewer', object: `document:${idOf(slug, 'granted')}` };
      return world.send('operator', 'POST', '/v1/relationships', {
        writes: [{ user: 'user:carl', ...tuple }],
        deletes: [{ user: 'user:bert', ...tuple }],
      });
    },
    well: [200],
    within: 25_000,
    effect: { on: 'granted', tuples: ['user:carl viewer'], seenBy: { bert: 404, carl: 200, mallory: 404 } },
  },
  'start a session': {
    run: (world) => world.send('anne', 'POST', '/v1/sessions', {}),
    well: [201],
    within: 25_000,
  },
  readyz: { run: (world) => world.send('anne', 'GET', '/readyz'), well: [200], within: 25_000 },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof operations;

/** What nobody may ever see, whatever is at fault: throws where somebody does. */
export async function watch(world: World, slug: string): Promise<void> {
  const [mallory, anne, annes] = await Promise.all([
    retrieveAs('mallory')(world, slug),
    retrieveAs('anne')(world, slug),
    readAs(world, 'anne', idOf(slug, 'narrowed')),
  ]);
  if (TEXT.test(mallory.text)) throw new Error(`who may read nothing was given: ${mallory.text}`);
  if (SECOND.test(anne.text + annes.text))
    throw new Error('a reader who was taken away was given the new text');
}
