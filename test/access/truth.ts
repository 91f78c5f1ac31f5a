import type { AgentAccess, Usage } from '../../src/types/access.ts';

/** A document as the test knows it: who has which relation to it, and what it is labelled with. */
export type Known = {
  readonly id: string;
  readonly labels: unknown;
  /** By relation, `owner` before `editor` before `viewer`, each of which has the next. */
  readonly relations: ReadonlyMap<string, ReadonlySet<string>>;
};

const order = ['owner', 'editor', 'viewer'] as const;

/** By models/default.fga, without folders and groups. */
export function has({ relations }: Known, user: string, relation: string): boolean {
  const upTo = relation === 'can_read' ? 'viewer' : relation;
  return order
    .slice(0, order.findIndex((each) => each === upTo) + 1)
    .some((each) => relations.get(each)?.has(user));
}

/**
 * Written down once more, from what a document is labelled with and what the agent is to it, and in another way than the
 * product's.
 */
export function mayUse(labels: unknown, access: AgentAccess, holds: (relation: string) => boolean): Usage {
  const list = Array.isArray(labels) ? labels : labels === undefined ? [] : [labels];
  const readable = list.every((each) => typeof each === 'string');
  let [fits, approval, never] = [0, 0, 0];
  const count = (rule: Usage) => {
    fits += 1;
    if (rule === 'approval') approval += 1;
    if (rule === 'never') never += 1;
  };
  for (const rule of access.rules) {
    if ('label' in rule && (!readable || list.includes(rule.label))) count(rule.rule);
    if ('relation' in rule && holds(rule.relation)) count(rule.rule);
  }
  const guarded = !readable && access.rules.some((rule) => 'label' in rule);
  if (fits === 0 || guarded) count(access.default);
  return never > 0 ? 'never' : approval > 0 ? 'approval' : 'alone';
}
