import type { Shortfall } from '../../src/types/retrieval.ts';
import { mayUse } from '../access/truth.ts';
import type { Question } from './questions.ts';
import type { Truth } from './truth.ts';

type Refusal = 'agent_not_allowed' | 'delegation_not_allowed';
/** `forbidden`: somebody of them may not read it. */
export type Use = 'alone' | 'approval' | 'never' | 'forbidden';

export type Judged =
  | { readonly refused: Refusal }
  | {
      /** By document. */
      readonly uses: ReadonlyMap<string, Use>;
      /** What an answer says of itself that nothing can be given in: one of these. */
      readonly told?: readonly Told[];
    };
type Told = Shortfall | 'complete';

const MAX_AUDIENCE = 100;

/** What each document of a tenant is to those who ask, or why nobody is let in. */
export function judge(truth: Truth, question: Question): Judged {
  const { subject, chain, by } = question;
  const refused = refusal(truth, subject, chain, by);
  if (refused !== undefined) return { refused };
  const { people, told } = audienceOf(truth, ('audience' in question && question.audience) || []);
  if (told.length > 0) return { uses: new Map(), told };
  const ids = [...truth.documents.keys()];
  return { uses: new Map(ids.map((id) => [id, useOf(truth, id, [subject, ...chain], people)])) };
}

/** Why a token of this person through these agents gets nothing. */
export function refusal(
  truth: Truth,
  subject: string,
  chain: readonly string[],
  by: Question['by'],
): Refusal | undefined {
  for (const agent of [subject, ...chain].filter(isAgent)) {
    if (truth.agents.get(idOf(agent))?.standing !== 'active') return 'agent_not_allowed';
  }
  // One agent is the issuer's word.
  if (by === 'issuer' && chain.length < 2) return undefined;
  const mayAct = (agent: string, whom: string) => truth.rights.has(agent, 'can_act_for', whom);
  const all = chain.every((agent, i) => {
    const handedBy = chain[i + 1];
    return mayAct(agent, subject) && (handedBy === undefined || mayAct(agent, handedBy));
  });
  return all ? undefined : 'delegation_not_allowed';
}

/** Nothing is for an audience of nobody, or of more people than can be asked about. */
function audienceOf(
  { rights }: Truth,
  entries: readonly string[],
): { readonly people: readonly string[]; readonly told: readonly Told[] } {
  const all = new Set<string>();
  const told = new Set<Told>();
  for (const entry of entries) {
    const people = rights.everyoneOf(entry);
    if (people === 'everyone' || people.size > MAX_AUDIENCE) told.add('audience_too_large');
    else if (people.size === 0) told.add('complete');
    else for (const person of people) all.add(person);
  }
  if (all.size > MAX_AUDIENCE) told.add('audience_too_large');
  return { people: [...all], told: [...told] };
}

/** Everyone has to be able to read it; then the strictest of what the agents' rules say counts. */
function useOf(truth: Truth, id: string, asking: readonly string[], audience: readonly string[]): Use {
  const object = `document:${id}`;
  const readers = new Set([...asking, ...audience]);
  if (![...readers].every((reader) => truth.rights.has(reader, 'can_read', object))) return 'forbidden';
  const labels = truth.documents.get(id)?.metadata.labels;
  const uses = [...readers].filter(isAgent).map((agent) => {
    const state = truth.agents.get(idOf(agent));
    // Who only listens, and is not known, has no rules.
    if (state === undefined) return asking.includes(agent) ? 'never' : 'alone';
    if (state.standing !== 'active') return 'never';
    return mayUse(labels, state.access, (relation) => truth.rights.has(agent, relation, object));
  });
  return uses.includes('never') ? 'never' : uses.includes('approval') ? 'approval' : 'alone';
}

const isAgent = (user: string) => user.startsWith('agent:');
const idOf = (agent: string) => agent.slice('agent:'.length);
