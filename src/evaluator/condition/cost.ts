/**
 * What an evaluation costs, in cel-go's units (interpreter/runtimecost.go of v0.31.0), because a server
 * refuses a condition that costs too much and an evaluator that allowed it would disagree.
 */

/** OPENFGA_MAX_CONDITION_EVALUATION_COST's default. */
export const MAX_COST = 100;

export const LIST_COST = 10;
export const MAP_COST = 30;

const STRING_FACTOR = 0.1;
const REGEX_FACTOR = 0.25;

export class CostLimitExceeded extends Error {
  override readonly name = 'CostLimitExceeded';
}

export class CostMeter {
  #spent = 0;

  get spent(): number {
    return this.#spent;
  }

  spend(cost: number): void {
    this.#spent += cost;
    if (this.#spent > MAX_COST) {
      throw new CostLimitExceeded('operation cancelled: actual cost limit exceeded');
    }
  }
}

/**
 * What one call costs beyond its arguments. Where an operand's type is only known when it runs
 * (`isDynamic`), cel-go has not chosen an overload and charges the flat price.
 */
export function callCost(name: string, args: readonly unknown[], isDynamic: boolean): number {
  const [first, second] = args;
  switch (name) {
    case 'startsWith':
    case 'endsWith':
      return traversal(sizeOf(second));
    case '==':
    case '!=':
      return traversal(Math.min(sizeOf(first), sizeOf(second)));
    case '<':
    case '<=':
    case '>':
    case '>=':
      return !isDynamic && isText(first) && isText(second)
        ? traversal(Math.min(sizeOf(first), sizeOf(second)))
        : 1;
    case '+':
      return !isDynamic && isText(first) && isText(second) ? traversal(sizeOf(first) + sizeOf(second)) : 1;
    case 'in':
      return !isDynamic && Array.isArray(second) ? second.length : 1;
    case 'bytes':
      return !isDynamic && typeof first === 'string' ? traversal(sizeOf(first)) : 1;
    case 'string':
      return !isDynamic && first instanceof Uint8Array ? traversal(sizeOf(first)) : 1;
    case 'matches':
      return traversal(sizeOf(first) + 1) * Math.ceil(sizeOf(second) * REGEX_FACTOR);
    case 'contains':
      return traversal(sizeOf(first)) * traversal(sizeOf(second));
    default:
      return 1;
  }
}

function traversal(size: number): number {
  return Math.ceil(size * STRING_FACTOR);
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return Array.from(value).length;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length;
  if (value instanceof Map) return value.size;
  return isRecord(value) ? Object.keys(value).length : 1;
}

/** A map that came as a JSON object, through a parameter of type `any`. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
