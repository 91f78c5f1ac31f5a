import { EvaluationError, ModelError } from '../errors.ts';
import type { ConditionJson } from '../model-json.ts';
import { CostMeter } from './cost.ts';
import { library } from './operations.ts';
import { type ParameterType, parameterType } from './parameter-type.ts';
import { plan } from './plan.ts';
import { dynamic, known, type StaticType, type Step } from './step.ts';

export type Context = Readonly<Record<string, unknown>>;

/** A condition of the model, compiled. */
export class Condition {
  readonly name: string;
  readonly #parameters: ReadonlyMap<string, ParameterType>;
  readonly #step: Step;

  /** Throws `ModelError` where OpenFGA would not compile it. */
  constructor(json: ConditionJson) {
    this.name = json.name;
    try {
      this.#parameters = new Map(
        Object.entries(json.parameters ?? {}).map(([name, type]) => [name, parameterType(type)]),
      );
      this.#step = compile(json.expression, this.#parameters);
    } catch (error) {
      throw new ModelError(`failed to compile expression on condition '${json.name}' - ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Why a tuple may not carry this context; undefined where it may. */
  contextProblem(context: Context): string | undefined {
    const stranger = Object.keys(context).find((name) => !this.#parameters.has(name));
    if (stranger !== undefined) return `found invalid context parameter: ${stranger}`;
    try {
      this.#convert(context);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** A value of the tuple's context wins over the request's. Throws `EvaluationError`. */
  isMet(requestContext: Context, tupleContext: Context | undefined): boolean {
    try {
      const values = this.#convert(tupleContext ? { ...requestContext, ...tupleContext } : requestContext);
      const missing = [...this.#parameters.keys()].filter((name) => !values.has(name));
      if (missing.length > 0)
        throw new TypeError(`missing context parameters '[${missing.toSorted().join(' ')}]'`);
      return this.#step.run({ variables: values, cost: new CostMeter() }) === true;
    } catch (error) {
      throw new EvaluationError(
        'validation_error',
        `failed to evaluate relationship condition: '${this.name}' - ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  /** What one evaluation costs, in cel-go's units; throws as `isMet` does. */
  costOf(context: Context): number {
    const cost = new CostMeter();
    this.#step.run({ variables: this.#convert(context), cost });
    return cost.spent;
  }

  #convert(context: Context): Map<string, unknown> {
    const values = new Map<string, unknown>();
    // OpenFGA refuses any context for a condition that takes none, even the request's.
    if (this.#parameters.size === 0 && Object.keys(context).length > 0) {
      throw new TypeError('no parameters defined for the condition');
    }
    for (const [name, type] of this.#parameters) {
      if (!Object.hasOwn(context, name)) continue;
      try {
        values.set(name, type.convert(context[name]));
      } catch (error) {
        throw new TypeError(`failed to convert context parameter '${name}': ${messageOf(error)}`, {
          cause: error,
        });
      }
    }
    return values;
  }
}

function compile(expression: string, parameters: ReadonlyMap<string, ParameterType>): Step {
  const environment = library.clone();
  for (const [name, type] of parameters) environment.registerVariable(name, type.cel);
  const parsed = environment.parse(expression);
  const { valid, type, error } = parsed.check();
  if (!valid) throw error ?? new TypeError('the expression does not type check');
  if (type !== 'bool') throw new TypeError(`expected a bool condition expression output, but got '${type}'`);
  return plan(parsed.ast, new Map([...parameters].map(([name, parameter]) => [name, staticType(parameter)])));
}

function staticType(parameter: ParameterType): StaticType {
  if (parameter.element) return { isDynamic: false, element: staticType(parameter.element) };
  if (parameter.cel === 'dyn') return dynamic;
  const isNumeric = parameter.cel === 'int' || parameter.cel === 'uint' || parameter.cel === 'double';
  return isNumeric ? { isDynamic: false, numeric: parameter.cel } : known;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
