import type { Agents } from '../ports/agents.ts';
import type { Engine } from '../ports/engine.ts';
import type { DocumentLabels } from '../ports/labels.ts';
import type { RankedDocument } from '../ports/search.ts';
import {
  type AgentAccess,
  hasLabelRules,
  type Labels,
  relationsIn,
  strictest,
  type Usage,
  usageOf,
} from '../types/access.ts';
import { standingOf } from '../types/agent.ts';
import { AGENT, agentsOf, type Principal } from '../types/principal.ts';
import { noVerdict } from './judged.ts';
import { Verdicts } from './verdicts.ts';

/** What agents may use of what they may read. */
export type AgentRules = { readonly agents: Pick<Agents, 'find'>; readonly labels: DocumentLabels };

/** `replaced`: the version that was ranked is there no more, nor are its labels. */
export type Use = Usage | 'replaced';

type Parts = {
  readonly engine: Engine;
  readonly rules: AgentRules;
  readonly guarded: { readonly type: string };
};
type Ruled = { readonly user: string; readonly access: AgentAccess };

const NOTHING: AgentAccess = { default: 'never', rules: [] };

/**
 * How each of some documents, which all `readers` may read, may be used, in their order: the strictest of what the rules of the
 * agents among them say. Rules are read once, here.
 */
export async function agentUse(
  { engine, rules, guarded }: Parts,
  principal: Principal,
  readers: readonly string[],
  signal: AbortSignal,
): Promise<(documents: readonly RankedDocument[]) => Promise<readonly Use[]>> {
  const { tenant } = principal;
  const ruled = (await ruledAgents(rules, principal, readers)).filter(isRuled);
  if (ruled.length === 0) return async (documents) => documents.map(() => 'alone');
  const labelled = ruled.some(({ access }) => hasLabelRules(access));

  return async (documents) => {
    if (documents.length === 0) return [];
    const labels = labelled ? await rules.labels.of(tenant, documents) : documents.map(() => []);
    const objects = documents.map(({ documentId }) => `${guarded.type}:${documentId}`);
    const asked = new Map<string, { user: string; relation: string; object: string }>();
    for (const { user, access } of ruled) {
      for (const [i, object] of objects.entries()) {
        const of = labels[i];
        if (of === undefined || usageOf(access, of, () => undefined) !== 'undetermined') continue;
        for (const relation of relationsIn(access)) {
          asked.set(`${user} ${relation} ${object}`, { user, relation, object });
        }
      }
    }
    const holds = await heldRelations(engine, tenant, asked, signal);
    return objects.map((object, i) => useOf(ruled, object, labels[i], holds));
  };
}

/** Every agent of the request, and those of its audience that are known. */
async function ruledAgents(
  { agents }: AgentRules,
  principal: Principal,
  readers: readonly string[],
): Promise<readonly Ruled[]> {
  const asking = new Set(agentsOf(principal).map((id) => `${AGENT}${id}`));
  const users = [...new Set([...asking, ...readers.filter((reader) => reader.startsWith(AGENT))])];
  if (users.length === 0) return [];
  const found = await agents.find(
    principal.tenant,
    users.map((user) => user.slice(AGENT.length)),
  );
  const known = new Map(found.map((agent) => [`${AGENT}${agent.id}`, agent]));
  const now = new Date();
  return users.flatMap((user) => {
    const agent = known.get(user);
    if (agent !== undefined && standingOf(agent, now) === 'active') return [{ user, access: agent.access }];
    // Who asks was in good standing as the request came in, and is so no longer.
    return asking.has(user) || agent !== undefined ? [{ user, access: NOTHING }] : [];
  });
}

function isRuled({ access }: Ruled): boolean {
  return access.default !== 'alone' || access.rules.some(({ rule }) => rule !== 'alone');
}

/** By the engine's word, and by what it said now: a no is as good as a yes here, so nothing stands in for it. */
async function heldRelations(
  engine: Engine,
  tenant: string,
  asked: ReadonlyMap<string, { user: string; relation: string; object: string }>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, boolean | undefined>> {
  const keys = [...asked.keys()];
  const holds = new Map<string, boolean | undefined>();
  for await (const verdicts of new Verdicts(engine, tenant, signal).on([...asked.values()])) {
    for (const { kind } of verdicts) {
      const key = keys[holds.size];
      if (key !== undefined) holds.set(key, kind === 'undetermined' ? undefined : kind === 'allowed');
    }
  }
  return holds;
}

/** Throws where it hangs on a verdict that is not to be had: whether something is left out has to be known to say what is complete. */
function useOf(
  ruled: readonly Ruled[],
  object: string,
  labels: Labels | undefined,
  holds: ReadonlyMap<string, boolean | undefined>,
): Use {
  if (labels === undefined) return 'replaced';
  const uses = ruled.map(({ user, access }) =>
    usageOf(access, labels, (relation) => holds.get(`${user} ${relation} ${object}`)),
  );
  if (uses.includes('never')) return 'never';
  if (uses.includes('undetermined')) throw noVerdict('a relation that a rule of the agent names');
  return strictest(uses.filter((use) => use !== 'undetermined'));
}
