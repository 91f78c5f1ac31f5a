import { typeOf } from '../../src/evaluator/subject.ts';
import { tupleKey } from '../../src/types/tuple.ts';
import { answersOf, listingOf, spoiledBy } from './evaluate.ts';
import { possibleAnswers } from './possible.ts';
import { dslOf } from './print.ts';
import type { Server, Store } from './server.ts';
import type { Question, Sketch } from './sketch.ts';
import type { Spoil } from './spoil.ts';
import { type World, worldOf } from './world.ts';

export type Comparison = {
  /** Undefined where the model is none that OpenFGA would take. */
  readonly world: World | undefined;
  readonly differences: readonly string[];
  /** Answers that differ where OpenFGA gives, or may give, now one and now the other. */
  readonly races: number;
  readonly lists: number;
};

/** Asks both sides all of it. `spoil` gives the evaluator a fault. */
export async function compare(server: Server, sketch: Sketch, spoil?: Spoil): Promise<Comparison> {
  const world = worldOf(sketch);
  const isRefused = 'refused' in world;
  const store = await server.openStore(isRefused ? world.refused : world.model.json);
  try {
    if (isRefused) {
      const differences = store ? [`${dslOf(world.refused)}\nours: refused, server: taken`] : [];
      return { world: undefined, differences, races: 0, lists: 0 };
    }
    if (!store) return { world, differences: ['the model: ours taken, server refused'], races: 0, lists: 0 };
    const writes = await compareWrites(store, world);
    const checks = await compareChecks(store, world, spoil);
    const lists = spoil ? { differences: [], compared: 0 } : await compareLists(store, world);
    return {
      world,
      differences: [...writes, ...checks.differences, ...lists.differences],
      races: checks.races,
      lists: lists.compared,
    };
  } finally {
    await store?.close();
  }
}

async function compareWrites(store: Store, world: World): Promise<string[]> {
  const differences: string[] = [];
  for (const tuple of world.forbidden) {
    if (await store.write([tuple]))
      differences.push(`${JSON.stringify(tuple)}: ours forbidden, server written`);
  }
  if (!(await store.write(world.tuples))) differences.push('the tuples: ours written, server refused');
  return differences;
}

async function compareChecks(store: Store, world: World, spoil: Spoil | undefined) {
  const differences: string[] = [];
  let races = 0;
  const ours = answersOf(spoil ? spoiledBy(spoil, world) : world);
  const theirs = await store.check(world, world.questions);
  for (const [i, question] of world.questions.entries()) {
    const [our, server] = [ours[i], theirs[i]];
    if (our === undefined || server === undefined || our === server) continue;
    const possible = possibleAnswers(world, question);
    const [again] = await store.check(world, [question]);
    if (again === our || (possible?.has(our) && possible.has(server))) races += 1;
    else {
      const { object, relation, user } = question;
      differences.push(`is ${user} ${relation} of ${object}: ours ${our}, server ${server}`);
    }
  }
  return { differences, races };
}

async function compareLists(store: Store, world: World) {
  const differences: string[] = [];
  let compared = 0;
  for (const question of world.lists) {
    const { user, relation, object, filter } = question;
    const ours = listingOf(world, question);
    const server = await store.list(world, question);
    const users = disputed(ours.users, server.users);
    if (!users.every((each) => isRace(world, { user: each, relation, object }))) {
      differences.push(`who of ${filter} is ${relation} of ${object}: ${both(ours.users, server.users)}`);
    }
    compared += 1;
    if (ours.objects === 'error' || server.objects === 'error' || hidesTuples(world)) continue;
    compared += 1;
    const objects = disputed(ours.objects, server.objects);
    if (objects.every((each) => isRace(world, { user, relation, object: each }))) continue;
    differences.push(
      `of which ${typeOf(object)} is ${user} ${relation}: ${both(ours.objects, server.objects)}`,
    );
  }
  return { differences, compared };
}

/** Which only one of the lists has; `error` stands for itself. */
function disputed(ours: Found, server: Found): string[] {
  const all = [ours, server].flat();
  return all.filter((each) => all.indexOf(each) === all.lastIndexOf(each));
}

function isRace(world: World, question: Question): boolean {
  return possibleAnswers(world, question)?.size !== 1;
}

/** Where a stored tuple is hidden by a contextual one, OpenFGA's ListObjects sees both and its Check only the latter. */
function hidesTuples({ tuples, contextual }: World): boolean {
  const stored = new Set(tuples.map(tupleKey));
  return contextual.some((tuple) => stored.has(tupleKey(tuple)));
}

type Found = readonly string[] | 'error';

function both(ours: Found, server: Found): string {
  return `ours ${text(ours)}, server ${text(server)}`;
}

function text(found: Found): string {
  return found === 'error' ? found : `[${found.toSorted().join(' ')}]`;
}
