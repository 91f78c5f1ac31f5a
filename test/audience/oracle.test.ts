import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { membersBy } from '../../src/audience/members.ts';
import { Evaluator } from '../../src/evaluator/evaluator.ts';
import { type Model, modelFromJson } from '../../src/evaluator/model.ts';
import { typeOf } from '../../src/evaluator/subject.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import type { Membership } from '../../src/ports/members.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { sketches } from '../differential/arbitrary.ts';
import { worldText } from '../differential/print.ts';
import { readersOf, type World, worldOf } from '../differential/world.ts';

const WORLDS = Number(process.env.AUDIENCE_WORLDS ?? 1_000);
const SEED = 20_261_124;

type Found = {
  groups: number;
  members: number;
  unsure: number;
  readonly missed: string[];
  readonly surplus: string[];
};

/** Who is found in each group of generated worlds, against a check of each person, whatever the model is made of. */
async function compare(spoil = (tuples: readonly Tuple[]) => tuples): Promise<Found> {
  const found: Found = { groups: 0, members: 0, unsure: 0, missed: [], surplus: [] };
  for (const sketch of fc.sample(sketches, { numRuns: WORLDS, seed: SEED })) {
    const world = worldOf(sketch);
    if (!('refused' in world)) await compareWorld(world, spoil(world.tuples), found);
  }
  return found;
}

async function compareWorld(world: World, told: readonly Tuple[], found: Found): Promise<void> {
  const { model, tuples, context } = world;
  const graph = new TupleGraph();
  for (const tuple of tuples) graph.add(tuple);
  const evaluator = new Evaluator(model, graph, { context });
  const members = membersBy(withRoom(model), 'room', {
    ofRelation: async (_, { object, relation }) =>
      told.filter((tuple) => tuple.object === object && tuple.relation === relation),
  });
  const never = new AbortController().signal;
  for (const [object, relation] of groupsOf(model, tuples)) {
    const membership = await members.of('any', `${object}#${relation}`, never);
    found.groups += 1;
    for (const user of readersOf(model)) {
      const { kind } = evaluator.check({ user, relation, object });
      // What the engine can't decide, it doesn't allow when it is asked about the person either.
      if (kind === 'error') continue;
      const text = `${user} in ${object}#${relation}\n${worldText(world)}`;
      const listed = isListed(membership, user);
      if (kind === 'allowed') found.members += 1;
      if (kind === 'allowed' && !listed) found.missed.push(text);
      if (kind === 'denied' && listed && membership.kind === 'people') {
        if (membership.exact) found.surplus.push(text);
        else found.unsure += 1;
      }
    }
  }
}

/** Of too many, everyone may be one. */
function isListed(membership: Membership, user: string): boolean {
  return membership.kind === 'too_many' || (membership.kind === 'people' && membership.people.includes(user));
}

/** The model with something that every userset may be given, for of others nobody is an audience. */
function withRoom({ json, relations }: Model): Model {
  const usersets = relations
    .filter(({ isTupleset }) => !isTupleset)
    .map(({ type, name }) => ({ type, relation: name }));
  const [any] = json.type_definitions;
  const room = {
    type: 'room',
    relations: { open: { this: {} } },
    metadata: {
      relations: { open: { directly_related_user_types: [{ type: any?.type ?? '' }, ...usersets] } },
    },
  };
  return modelFromJson({ ...json, type_definitions: [...json.type_definitions, room] });
}

function groupsOf({ relations }: Model, tuples: readonly Tuple[]): readonly (readonly [string, string])[] {
  const objects = [...new Set(tuples.map(({ object }) => object))];
  return relations
    .filter(({ isTupleset }) => !isTupleset)
    .flatMap(({ type, name }) =>
      objects.filter((object) => typeOf(object) === type).map((object) => [object, name] as const),
    );
}

describe(`who is in a group, in ${WORLDS} generated worlds`, () => {
  it('is nobody missed, and nobody too many where it says so', { timeout: 600_000 }, async () => {
    const { missed, surplus, ...totals } = await compare();
    console.log(totals);
    expect(missed.slice(0, 1)).toEqual([]);
    expect(surplus.slice(0, 1)).toEqual([]);
    expect(totals.members).toBeGreaterThan(WORLDS / 10);
    expect(totals.unsure).toBeGreaterThan(0);
  });

  it('would miss someone, were one relationship not read', { timeout: 600_000 }, async () => {
    const { missed } = await compare((tuples) => tuples.slice(1));
    expect(missed.length).toBeGreaterThan(0);
  });
});
