import { z } from 'zod';
import { parseInput } from './parse.ts';
import { isStorable, UNSTORABLE } from './text.ts';

/** How an agent may use a document: by itself, once somebody has approved it, or not at all. The strictest comes last. */
export const usages = ['alone', 'approval', 'never'] as const;
const usage = z.enum(usages);
export type Usage = z.infer<typeof usage>;

/** The field of a document's metadata that holds its labels: one, or a list of them. */
export const LABELS_FIELD = 'labels';

const MAX_RULES = 20;
const label = z.string().min(1, 'is empty').max(200).refine(isStorable, UNSTORABLE);
const relation = z.string().regex(/^[^\s:#@*]{1,50}$/, 'must be a relation of the authorization model');
const accessRule = z.union(
  [z.strictObject({ relation, rule: usage }), z.strictObject({ label, rule: usage })],
  'must be {"label", "rule"} or {"relation", "rule"}, with the rule alone, approval or never',
);

/** What an agent may use. Of the rules that fit a document the strictest counts; where none fits, `default` does. */
export const agentAccess = z.strictObject({
  default: usage.default('alone'),
  rules: z.array(accessRule).max(MAX_RULES).default([]),
});
export type AgentAccess = z.output<typeof agentAccess>;

export const UNRULED: AgentAccess = parseInput(agentAccess, {});

/** `unreadable`: neither a text nor a list of texts. It may be any of them. */
export type Labels = readonly string[] | 'unreadable';

const labelsField = z.union([z.string().transform((one) => [one]), z.array(z.string())]);

export function labelsIn(field: unknown): Labels {
  if (field === undefined || field === null) return [];
  return labelsField.safeParse(field).data ?? 'unreadable';
}

export function strictest(some: readonly Usage[]): Usage {
  return usages.findLast((each) => some.includes(each)) ?? 'never';
}

/**
 * What the rules make of a document. `holds` says whether the agent has a relation to it, or undefined where that is not known:
 * `undetermined` where the answer hangs on it.
 */
export function usageOf(
  access: AgentAccess,
  labels: Labels,
  holds: (relation: string) => boolean | undefined,
): Usage | 'undetermined' {
  const fitting: Usage[] = labels === 'unreadable' && hasLabelRules(access) ? [access.default] : [];
  const open: Usage[] = [];
  for (const each of access.rules) {
    const fits =
      'label' in each ? labels === 'unreadable' || labels.includes(each.label) : holds(each.relation);
    if (fits === undefined) open.push(each.rule);
    else if (fits) fitting.push(each.rule);
  }
  const certain = fitting.length === 0 ? access.default : strictest(fitting);
  const changes = (one: Usage) =>
    fitting.length === 0 ? one !== certain : strictest([one, certain]) !== certain;
  return open.some(changes) ? 'undetermined' : certain;
}

export function hasLabelRules({ rules }: AgentAccess): boolean {
  return rules.some((each) => 'label' in each);
}

export function relationsIn({ rules }: AgentAccess): readonly string[] {
  return [...new Set(rules.flatMap((each) => ('relation' in each ? [each.relation] : [])))];
}
