import type { ASTNode } from '@marcbachmann/cel-js';
import { CostLimitExceeded, LIST_COST } from './cost.ts';
import { entriesOf } from './operations.ts';
import { dynamic, type Frame, known, type StaticType, type Step, type Types, valueOf } from './step.ts';

type Plan = (node: ASTNode, types: Types) => Step;

/**
 * CEL's macros. The prices are those of the loops that cel-go makes of them: reading the accumulator
 * costs 1, and so does each operation on it.
 */
export function planMacro(node: ASTNode, types: Types, plan: Plan): Step | undefined {
  if (node.op === 'call') {
    const [name, args] = node.args;
    return name === 'has' && args[0] ? planHas(args[0], types, plan) : undefined;
  }
  if (node.op !== 'rcall') return undefined;
  const [name, receiver, args] = node.args;
  const [variable, body, transform] = args;
  if (variable?.op !== 'id' || !body) return undefined;

  const range = plan(receiver, types);
  const scope = new Map(types).set(variable.args, elementType(range));
  const step = plan(body, scope);
  const loop: Loop = { range, variable: variable.args, step };
  switch (name) {
    case 'all':
      return planQuantifier(loop, false);
    case 'exists':
      return planQuantifier(loop, true);
    case 'exists_one':
      return planExistsOne(loop);
    case 'filter':
      return planFilter(loop);
    case 'map':
      return transform ? planMap(loop, plan(transform, scope), step) : planMap(loop, step);
    default:
      return undefined;
  }
}

type Loop = { readonly range: Step; readonly variable: string; readonly step: Step };

function elementType(range: Step): StaticType {
  return range.type.element ?? (range.type.isDynamic ? dynamic : known);
}

/** Each element (of a map: each key) with a frame that has it under the loop's name. */
function* iterate({ range, variable }: Loop, frame: Frame): Iterable<{ item: unknown; inner: Frame }> {
  const value = range.run(frame);
  const items = Array.isArray(value) ? value : entriesOf(value)?.keys();
  if (!items) throw new TypeError('expression cannot be the range of a comprehension');
  for (const item of items) {
    yield { item, inner: { ...frame, variables: new Map(frame.variables).set(variable, item) } };
  }
}

function planHas(argument: ASTNode, types: Types, plan: Plan): Step {
  if (argument.op !== '.') throw new SyntaxError('invalid argument to has() macro');
  const [operand, field] = argument.args;
  const container = plan(operand, types);
  return {
    type: known,
    run(frame) {
      const entries = entriesOf(valueOf(container, frame));
      frame.cost.spend(2);
      if (!entries) throw new TypeError('has() of what is not a map');
      return entries.has(field);
    },
  };
}

/** `all` looks for a false one and `exists` for a true one; finding it hides the errors of others. */
function planQuantifier(loop: Loop, wanted: boolean): Step {
  // Testing the accumulator: read, (for `exists`: not,) not strictly false.
  const testCost = wanted ? 3 : 2;
  return {
    type: known,
    run(frame) {
      let found = false;
      let failure: { error: unknown } | undefined;
      for (const { inner } of iterate(loop, frame)) {
        frame.cost.spend(testCost);
        if (found) break;
        frame.cost.spend(1);
        try {
          const value = loop.step.run(inner);
          if (typeof value !== 'boolean') throw new TypeError('predicate is not a bool');
          found = value === wanted;
        } catch (error) {
          if (error instanceof CostLimitExceeded) throw error;
          failure ??= { error };
        }
      }
      frame.cost.spend(1);
      if (failure && !found) throw failure.error;
      return found ? wanted : !wanted;
    },
  };
}

function planExistsOne(loop: Loop): Step {
  return {
    type: known,
    run(frame) {
      let count = 0;
      for (const { inner } of iterate(loop, frame)) {
        if (!asBoolean(loop.step.run(inner))) continue;
        frame.cost.spend(2);
        count += 1;
      }
      frame.cost.spend(2);
      return count === 1;
    },
  };
}

function planFilter(loop: Loop): Step {
  return {
    type: { isDynamic: false, element: elementType(loop.range) },
    run(frame) {
      const kept: unknown[] = [];
      for (const { item, inner } of iterate(loop, frame)) {
        if (!asBoolean(loop.step.run(inner))) continue;
        // The accumulator, the element, a list of it, and the addition.
        frame.cost.spend(3 + LIST_COST);
        kept.push(item);
      }
      frame.cost.spend(1);
      return kept;
    },
  };
}

function planMap(loop: Loop, transform: Step, predicate?: Step): Step {
  return {
    type: { isDynamic: false, element: transform.type },
    run(frame) {
      const mapped: unknown[] = [];
      for (const { inner } of iterate(loop, frame)) {
        if (predicate && !asBoolean(predicate.run(inner))) continue;
        mapped.push(transform.run(inner));
        frame.cost.spend(2 + LIST_COST);
      }
      frame.cost.spend(1);
      return mapped;
    },
  };
}

function asBoolean(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError('predicate is not a bool');
  return value;
}
