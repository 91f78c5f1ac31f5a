import type { ASTNode } from '@marcbachmann/cel-js';
import { CostLimitExceeded, callCost, LIST_COST, MAP_COST } from './cost.ts';
import { planMacro } from './macros.ts';
import { apply, entriesOf, library } from './operations.ts';
import {
  constant,
  dynamic,
  type Frame,
  known,
  type StaticType,
  type Step,
  type Types,
  valueOf,
} from './step.ts';

const conversions = new Set([
  'bool',
  'bytes',
  'double',
  'duration',
  'dyn',
  'int',
  'string',
  'timestamp',
  'type',
  'uint',
]);
const functions = new Set([...conversions, 'size', 'matches', 'ipaddress']);
const methods = new Set([
  'contains',
  'endsWith',
  'startsWith',
  'matches',
  'size',
  'in_cidr',
  'getFullYear',
  'getMonth',
  'getDayOfYear',
  'getDayOfMonth',
  'getDate',
  'getDayOfWeek',
  'getHours',
  'getMinutes',
  'getSeconds',
  'getMilliseconds',
]);

const arithmetic = new Set(['+', '-', '*', '/', '%']);

/** Throws where the expression uses what cel-go does not have, or a constant in it is malformed. */
export function plan(node: ASTNode, types: Types): Step {
  switch (node.op) {
    case 'value':
      return constant(node.args);
    case 'id':
      return planName(node.args, types);
    case '.':
      return planSelect(plan(node.args[0], types), node.args[1]);
    case '[]':
      return planIndex(plan(node.args[0], types), plan(node.args[1], types));
    case '&&':
      return planLogical(false, [plan(node.args[0], types), plan(node.args[1], types)]);
    case '||':
      return planLogical(true, [plan(node.args[0], types), plan(node.args[1], types)]);
    case '?:':
      return planTernary(plan(node.args[0], types), plan(node.args[1], types), plan(node.args[2], types));
    case 'list':
      return planList(node.args.map((item) => plan(item, types)));
    case 'map':
      return planMap(node.args.map(([key, value]) => [plan(key, types), plan(value, types)] as const));
    case 'call':
      return planMacro(node, types, plan) ?? planFunction(node.args[0], node.args[1], types);
    case 'rcall': {
      const macro = planMacro(node, types, plan);
      if (macro) return macro;
      const [name, receiver, args] = node.args;
      if (!methods.has(name)) throw new SyntaxError(`undeclared reference to '${name}'`);
      return planCall(
        name,
        'method',
        [receiver, ...args].map((arg) => plan(arg, types)),
      );
    }
    case '-_':
      if (node.args.op === 'value') return constant(apply('-', 'operator', [node.args.args]));
      return planCall('-', 'operator', [plan(node.args, types)]);
    case '!_':
      return planCall('!', 'operator', [plan(node.args, types)]);
    case '.?':
    case '[?]':
      throw new SyntaxError(`unsupported syntax '${node.op}'`);
    default:
      return planCall(node.op, 'operator', [plan(node.args[0], types), plan(node.args[1], types)]);
  }
}

function planName(name: string, types: Types): Step {
  const type = types.get(name);
  // Not a variable: the name of a type, which is a constant of CEL.
  if (!type) return constant(library.evaluate(name));
  return attribute(type, ({ variables }) => {
    if (!variables.has(name)) throw new ReferenceError(`no such attribute: ${name}`);
    return variables.get(name);
  });
}

/** The value of a name or a chain of selections, which costs one more than its parts. */
function attribute(type: StaticType, resolve: (frame: Frame) => unknown): Step {
  return {
    type,
    resolve,
    run(frame) {
      try {
        return resolve(frame);
      } finally {
        // Paid for where it fails, too: another operand may hide the failure.
        frame.cost.spend(1);
      }
    },
  };
}

function planSelect(operand: Step, field: string): Step {
  return attribute(elementOf(operand), (frame) => {
    const value = valueOf(operand, frame);
    frame.cost.spend(1);
    return valueAt(value, field);
  });
}

function planIndex(operand: Step, index: Step): Step {
  return attribute(elementOf(operand), (frame) => {
    const value = valueOf(operand, frame);
    const key = valueOf(index, frame);
    frame.cost.spend(1);
    return valueAt(value, key);
  });
}

function elementOf(operand: Step): StaticType {
  return operand.type.element ?? dynamic;
}

function valueAt(container: unknown, key: unknown): unknown {
  if (Array.isArray(container)) {
    const index = typeof key === 'bigint' || typeof key === 'number' ? Number(key) : -1;
    if (!Number.isInteger(index) || index < 0 || index >= container.length) {
      throw new RangeError(`index out of bounds: ${String(key)}`);
    }
    return container[index];
  }
  const entries = entriesOf(container);
  if (!entries?.has(key)) throw new ReferenceError(`no such key: ${String(key)}`);
  return entries.get(key);
}

/** `||` where `decisive` is true, `&&` where it is false: an operand that decides hides the other's error. */
function planLogical(decisive: boolean, operands: readonly Step[]): Step {
  return {
    type: known,
    run(frame) {
      let failure: { error: unknown } | undefined;
      for (const operand of operands) {
        try {
          const value = operand.run(frame);
          if (value === decisive) return decisive;
          if (typeof value !== 'boolean') throw new TypeError('no such overload: logical operator');
        } catch (error) {
          if (error instanceof CostLimitExceeded) throw error;
          failure ??= { error };
        }
      }
      if (failure) throw failure.error;
      return !decisive;
    },
  };
}

function planTernary(condition: Step, yes: Step, no: Step): Step {
  return {
    type: yes.type.isDynamic ? yes.type : no.type,
    run(frame) {
      const value = condition.run(frame);
      if (typeof value !== 'boolean') throw new TypeError('no such overload: ternary');
      return valueOf(value ? yes : no, frame);
    },
  };
}

function planList(items: readonly Step[]): Step {
  const element = items.some(({ type }) => type.isDynamic) ? dynamic : items[0]?.type;
  const type: StaticType = { isDynamic: false, element };
  if (items.every((item) => item.constant)) {
    return { ...constant(items.map((item) => item.constant?.value)), type };
  }
  return {
    type,
    run(frame) {
      const list = items.map((item) => item.run(frame));
      frame.cost.spend(LIST_COST);
      return list;
    },
  };
}

function planMap(entries: readonly (readonly [Step, Step])[]): Step {
  const element = entries.some(([, value]) => value.type.isDynamic) ? dynamic : entries[0]?.[1].type;
  const type: StaticType = { isDynamic: false, element };
  if (entries.every(([key, value]) => key.constant && value.constant)) {
    const pairs = entries.map(([key, value]) => [key.constant?.value, value.constant?.value] as const);
    return { ...constant(new Map(pairs)), type };
  }
  return {
    type,
    run(frame) {
      const map = new Map(entries.map(([key, value]) => [key.run(frame), value.run(frame)]));
      frame.cost.spend(MAP_COST);
      return map;
    },
  };
}

function planFunction(name: string, args: readonly ASTNode[], types: Types): Step {
  if (!functions.has(name)) throw new SyntaxError(`undeclared reference to '${name}'`);
  const steps = args.map((arg) => plan(arg, types));
  const [only] = steps;
  if (conversions.has(name) && only?.constant && steps.length === 1) {
    return constant(apply(name, 'function', [only.constant.value]));
  }
  return planCall(name, 'function', steps);
}

function planCall(name: string, form: 'operator' | 'function' | 'method', args: readonly Step[]): Step {
  if (name === 'in' && isConstantSet(args[1]?.constant?.value)) return planMembership(args);
  if (form === 'operator') refuseMixedNumbers(name, args);
  // A malformed pattern that is known now is the model's mistake, not a request's.
  const pattern = name === 'matches' ? args[1]?.constant?.value : undefined;
  if (pattern !== undefined) apply(name, form, ['', pattern]);
  const isDynamic = args.some(({ type }) => type.isDynamic);
  return {
    type: typeOfCall(name, form, args),
    run(frame) {
      const values = args.map((arg) => arg.run(frame));
      frame.cost.spend(callCost(name, values, isDynamic));
      return apply(name, form, values);
    },
  };
}

/** cel-js compares numbers of two types; cel-go, as OpenFGA sets it up, does so only for dynamic ones. */
function refuseMixedNumbers(operator: string, [left, right]: readonly Step[]): void {
  const a = left?.type.numeric;
  const b = right?.type.numeric;
  if (operator !== 'in' && a && b && a !== b) {
    throw new TypeError(`found no matching overload for '${operator}' applied to '(${a}, ${b})'`);
  }
}

function typeOfCall(
  name: string,
  form: 'operator' | 'function' | 'method',
  args: readonly Step[],
): StaticType {
  const [first] = args;
  if (form === 'operator' && first && arithmetic.has(name)) return first.type;
  if (form === 'operator') return known;
  if (name === 'dyn') return dynamic;
  if (name === 'int' || name === 'uint' || name === 'double') return { isDynamic: false, numeric: name };
  return name === 'size' || name.startsWith('get') ? { isDynamic: false, numeric: 'int' } : known;
}

/** cel-go looks a value up in a constant list of scalars as in a set, and charges nothing for it. */
function planMembership([value, list]: readonly Step[]): Step {
  const items = list?.constant?.value;
  if (Array.isArray(items) && items.length === 0) return constant(false);
  return { type: known, run: (frame) => apply('in', 'operator', [value?.run(frame), items]) };
}

function isConstantSet(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((item) => ['string', 'bigint', 'number', 'boolean'].includes(typeof item))
  );
}
