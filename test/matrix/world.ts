import type { AgentAccess } from '../../src/types/access.ts';
import { DEFAULT_TENANT } from '../../src/types/principal.ts';
import type { TupleKey } from '../../src/types/tuple.ts';
import { pick, textOf } from '../oracle/collection.ts';
import type { Truth } from './truth.ts';

export type Random = () => number;

/** Everything has the same ids in each, and other relationships. The command line knows only the default one. */
export const TENANTS = [DEFAULT_TENANT, 'east', 'west'];

/** One name, for one of each type: what forgets the type mixes them up. */
const NAMESAKE = 'alex';
export const people = [NAMESAKE, 'bo', 'cleo', 'dan', 'eve'].map((name) => `user:${name}`);
export const agents: readonly string[] = [NAMESAKE, 'bot', 'aide', 'scribe'];
export const agentUsers = agents.map((id) => `agent:${id}`);
const groups = [NAMESAKE, 'staff', 'night', 'all'].map((name) => `group:${name}`);
export const folders = [NAMESAKE, 'plans', 'old', 'people'].map((name) => `folder:${name}`);
export const documents: readonly string[] = [NAMESAKE, ...Array.from({ length: 11 }, (_, i) => `d${i}`)];
/** More people than an answer can be for. */
export const CROWD = 'group:crowd';

/** How likely each relationship is that there may be: few owners, more viewers. */
type Likely = { readonly tuple: TupleKey; readonly share: number };

const likely = (share: number, users: readonly string[], relation: string, objects: readonly string[]) =>
  objects.flatMap((object) =>
    users
      .filter((user) => user !== object && user !== `${object}#member`)
      .map((user) => ({ tuple: { user, relation, object }, share })),
  );
export const members = groups.map((group) => `${group}#member`);
const [everyone = ''] = members.slice(-1);
const objects = [...folders, ...documents.map((id) => `document:${id}`)];

const rights: readonly Likely[] = [
  ...likely(0.35, [...people, ...agentUsers], 'member', groups.slice(0, -1)),
  ...likely(0.92, [...people, ...agentUsers], 'member', groups.slice(-1)),
  // Also in circles.
  ...likely(0.12, members, 'member', groups),
  ...likely(0.25, folders, 'parent', folders),
  ...likely(0.25, folders, 'parent', objects.slice(folders.length)),
  ...likely(0.15, people, 'viewer', objects),
  ...likely(0.3, agentUsers, 'viewer', objects),
  ...likely(0.1, members.slice(0, -1), 'viewer', objects),
  ...likely(0.4, [everyone], 'viewer', objects),
  ...likely(0.08, ['user:*'], 'viewer', objects),
  ...likely(0.04, [...people, ...agentUsers, ...members.slice(0, -1)], 'editor', objects),
  ...likely(0.03, [...people, ...agentUsers, ...members.slice(0, -1)], 'owner', objects),
];
const delegations: readonly Likely[] = [
  ...likely(0.88, agentUsers, 'can_act_for', people),
  ...likely(0.88, agentUsers, 'can_act_for', agentUsers),
];
const crowd = likely(
  1,
  Array.from({ length: 101 }, (_, i) => `user:p${i}`),
  'member',
  [CROWD],
);

export type AgentState = {
  readonly standing: 'active' | 'suspended' | 'expired' | 'ownerless';
  readonly access: AgentAccess;
};
export type Text = {
  readonly paragraphs: readonly string[];
  readonly metadata: { readonly labels?: unknown };
};

/** Something that happens between two questions. */
export type Change =
  | {
      readonly kind: 'relationships';
      readonly writes: readonly TupleKey[];
      readonly deletes: readonly TupleKey[];
    }
  /** Undefined: it is forgotten. */
  | { readonly kind: 'agent'; readonly id: string; readonly state: AgentState | undefined }
  /** With the whole set of its relationships, or as these are. */
  | {
      readonly kind: 'put';
      readonly id: string;
      readonly text: Text;
      readonly own: readonly TupleKey[] | undefined;
    }
  | { readonly kind: 'delete'; readonly id: string };

/** What makes of a tenant, whatever is in it, another one. */
export function newWorld(truth: Truth, random: Random): readonly Change[] {
  const wanted = [...crowd, ...rights, ...delegations].filter(({ share }) => random() < share);
  return [
    difference(
      truth,
      wanted.map(({ tuple }) => tuple),
      [...truth.tuples.values()],
    ),
    ...documents.map((id) => putOf(truth, id, random, false)),
    ...agents.map((id) => ({ kind: 'agent' as const, id, state: stateOf(random) })),
  ];
}

export function nextChange(truth: Truth, random: Random): Change {
  const kind = random();
  if (kind < 0.35) return drawnAgain(truth, rights, 20, random);
  if (kind < 0.55) return drawnAgain(truth, delegations, 5, random);
  if (kind < 0.8) return { kind: 'agent', id: pick(agents, random), state: stateOf(random) };
  const id = pick(documents, random);
  return kind < 0.84 && truth.documents.has(id)
    ? { kind: 'delete', id }
    : putOf(truth, id, random, random() < 0.5);
}

/** Some relationships, of which each is then there as likely as it ever was. */
function drawnAgain(truth: Truth, from: readonly Likely[], count: number, random: Random): Change {
  const drawn = new Map(
    Array.from({ length: count }, () => {
      const one = pick(from, random);
      return [one, random() < one.share] as const;
    }),
  );
  const tuples = (there: boolean) => [...drawn].filter(([, is]) => is === there).map(([{ tuple }]) => tuple);
  return difference(truth, tuples(true), tuples(false));
}

function difference(truth: Truth, wanted: readonly TupleKey[], unwanted: readonly TupleKey[]): Change {
  const keep = new Set(wanted.map(nameOf));
  return {
    kind: 'relationships',
    writes: wanted.filter((tuple) => !truth.tuples.has(nameOf(tuple))),
    deletes: unwanted.filter((tuple) => truth.tuples.has(nameOf(tuple)) && !keep.has(nameOf(tuple))),
  };
}

export const nameOf = ({ user, relation, object }: TupleKey): string => `${user} ${relation} ${object}`;

function putOf({ tenant }: Truth, id: string, random: Random, isWhole: boolean): Change {
  const object = `document:${id}`;
  // Each passage says what it is of, so it is known wherever it turns up.
  const mark = `${tenant} ${id} ${Math.floor(random() * 1e9)}`;
  const paragraphs = textOf(random)
    .split('\n\n')
    .map((paragraph, i) => `${paragraph} (${mark} ${i})`);
  const label = () => pick(LABELS, random);
  const metadata = pick<Text['metadata']>(
    [
      {},
      {},
      { labels: label() },
      { labels: [label(), label()] },
      { labels: [] },
      // Nobody can read these, so they may be any.
      { labels: { name: 'pii' } },
    ],
    random,
  );
  const own = rights.filter(({ tuple, share }) => tuple.object === object && random() < share);
  return {
    kind: 'put',
    id,
    text: { paragraphs, metadata },
    own: isWhole ? own.map(({ tuple }) => tuple) : undefined,
  };
}

const LABELS = ['pii', 'legal', 'draft'];
const USAGES = ['alone', 'approval', 'approval', 'never'] as const;
/** Seldom the one that an agent has to all that it may read. */
const RELATIONS = ['editor', 'editor', 'editor', 'owner', 'owner', 'viewer'];
const DEFAULTS = [...Array.from({ length: 8 }, () => 'alone' as const), 'approval', 'never'] as const;

function stateOf(random: Random): AgentState | undefined {
  if (random() < 0.05) return undefined;
  const standing = random() < 0.85 ? 'active' : pick(['suspended', 'expired', 'ownerless'] as const, random);
  return { standing, access: random() < 0.5 ? { default: 'alone', rules: [] } : rulesOf(random) };
}

function rulesOf(random: Random): AgentAccess {
  const rules = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
    const rule = pick(USAGES, random);
    return random() < 0.6
      ? { label: pick(LABELS, random), rule }
      : { relation: pick(RELATIONS, random), rule };
  });
  return { default: pick(DEFAULTS, random), rules };
}
