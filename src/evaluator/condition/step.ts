import { UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import type { CostMeter } from './cost.ts';

export type Numeric = 'int' | 'uint' | 'double';

/** As much of a static type as the price of an operation, or whether it exists at all, depends on. */
export type StaticType = {
  readonly isDynamic: boolean;
  readonly element?: StaticType | undefined;
  readonly numeric?: Numeric | undefined;
};

export const known: StaticType = { isDynamic: false };
export const dynamic: StaticType = { isDynamic: true };

export type Types = ReadonlyMap<string, StaticType>;

export type Frame = { readonly variables: ReadonlyMap<string, unknown>; readonly cost: CostMeter };

/** One node of a condition's expression, ready to run. */
export type Step = {
  readonly type: StaticType;
  run(frame: Frame): unknown;
  /** For a name and what is selected from it: the value, without the price of reading the whole chain. */
  resolve?(frame: Frame): unknown;
  /** Known when the model is compiled; costs nothing. */
  readonly constant?: { readonly value: unknown };
};

export function constant(value: unknown): Step {
  return { type: { isDynamic: false, numeric: numericOf(value) }, constant: { value }, run: () => value };
}

export function valueOf(step: Step, frame: Frame): unknown {
  return step.resolve ? step.resolve(frame) : step.run(frame);
}

function numericOf(value: unknown): Numeric | undefined {
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'double';
  return value instanceof UnsignedInt ? 'uint' : undefined;
}
