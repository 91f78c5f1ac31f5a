import { transformer } from '@openfga/syntax-transformer';
import type { AuthorizationModelJson } from '../../src/evaluator/model-json.ts';
import type { World } from './world.ts';

export function worldText({ model, tuples, contextual, context }: World): string {
  const isContextUsed = Object.keys(model.json.conditions ?? {}).length > 0;
  return [
    dslOf(model.json),
    ...lines('tuples', tuples),
    ...lines('contextual tuples', contextual),
    ...lines('context', isContextUsed ? [context] : []),
  ].join('\n');
}

function lines(title: string, items: readonly object[]): string[] {
  return items.length > 0 ? [`${title}:`, ...items.map((item) => `  ${JSON.stringify(item)}`)] : [];
}

export function dslOf(json: AuthorizationModelJson): string {
  return transformer.transformJSONStringToDSL(JSON.stringify(json)).trimEnd();
}
