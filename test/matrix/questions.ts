import { pick, queries } from '../oracle/collection.ts';
import { agentUsers, CROWD, documents, folders, members, people, type Random, TENANTS } from './world.ts';

export type Who = {
  readonly tenant: string;
  /** `user:alex`, or `agent:bot` for an agent that asks by itself. */
  readonly subject: string;
  /** `agent:…`, the one that asks first. */
  readonly chain: readonly string[];
  /** Who says so: an issuer, or this service, for a token in exchange. */
  readonly by: 'issuer' | 'exchange';
};
export type Search = Who & {
  readonly query: string;
  readonly k: number;
  readonly audience: readonly string[] | undefined;
};
export type Reading = Who & { readonly document: string };
export type Question = Search | Reading;

/** Often of somebody who has asked before, in the same worlds, with a token from then. */
export function nextQuestion(random: Random, before: readonly Who[]): Question {
  const who = before.length > 0 && random() < 0.2 ? pick(before, random) : whoOf(random);
  if (random() < 0.22) return { ...who, document: pick([...documents, 'absent'], random) };
  const audience = Array.from({ length: pick([0, 0, 0, 0, 0, 1, 1, 2, 3], random) }, () => entryOf(random));
  return {
    ...who,
    query: pick(queries, random),
    k: pick([1, 2, 3, 4, 6, 8, 10, 50], random),
    audience: audience.length === 0 ? undefined : audience,
  };
}

function whoOf(random: Random): Who {
  const subject = random() < 0.05 ? 'user:stranger' : pick(random() < 0.2 ? agentUsers : people, random);
  const length = pick([0, 0, 0, 1, 1, 1, 2, 2, 2, 3], random);
  const chain: string[] = [];
  while (chain.length < length) {
    const agent = pick(agentUsers, random);
    if (agent !== subject && !chain.includes(agent)) chain.push(agent);
  }
  const by = length > 0 && random() < 0.5 ? 'exchange' : 'issuer';
  return { tenant: pick(TENANTS, random), subject, chain, by };
}

function entryOf(random: Random): string {
  const kind = random();
  if (kind < 0.4) return pick(people, random);
  if (kind < 0.5) return pick(agentUsers, random);
  if (kind < 0.85) return pick(members, random);
  if (kind < 0.91) return `${pick([...folders, ...documents.map((id) => `document:${id}`)], random)}#viewer`;
  return pick(['group:nowhere#member', `${CROWD}#member`, `${CROWD}#member`], random);
}
