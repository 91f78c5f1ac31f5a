import type { ConditionJson, ParameterTypeJson } from '../../src/evaluator/model-json.ts';

/** Values that a parameter is given: one that meets its condition, two others, and one of a wrong type. */
type Parameter = { readonly type: ParameterTypeJson; readonly values: readonly unknown[] };

const scalar = (type: string): ParameterTypeJson => ({ type_name: `TYPE_NAME_${type}` });
const generic = (type: string, of: string): ParameterTypeJson => ({
  type_name: `TYPE_NAME_${type}`,
  generic_types: [scalar(of)],
});

const parameters = {
  flag: { type: scalar('BOOL'), values: [true, false, true, 'true'] },
  number: { type: scalar('INT'), values: [3, 20, '7', 1.5] },
  count: { type: scalar('UINT'), values: [3, 1, '5', -1] },
  ratio: { type: scalar('DOUBLE'), values: [0.75, 0, '0.5', 'half'] },
  word: { type: scalar('STRING'), values: ['ok', 'no', '', 5] },
  at: {
    type: scalar('TIMESTAMP'),
    values: ['2026-01-01T00:30:00Z', '2026-01-01T01:00:00.000000001Z', '2025-12-31T23:30:00-01:00', 'noon'],
  },
  since: {
    type: scalar('TIMESTAMP'),
    values: ['2026-01-01T00:00:00Z', '2025-01-01T00:00:00Z', '2026-01-01T00:30:00Z', 0],
  },
  lasting: { type: scalar('DURATION'), values: ['1h', '30m', '1.5s', 'long'] },
  address: { type: scalar('IPADDRESS'), values: ['10.1.2.3', '11.0.0.1', '::ffff:10.9.9.9', '10.1.2'] },
  tags: { type: generic('LIST', 'STRING'), values: [['ok', 'new'], [], ['no'], ['ok', 1]] },
  levels: { type: generic('MAP', 'INT'), values: [{ ok: 3, no: 0 }, { no: 3 }, {}, { ok: 'x' }] },
  thing: { type: scalar('ANY'), values: [{ word: 'ok' }, 'ok', { word: ['ok'] }, null] },
} satisfies Readonly<Record<string, Parameter>>;

type ParameterName = keyof typeof parameters;

const expressions: Readonly<Record<string, { uses: readonly ParameterName[]; expression: string }>> = {
  is_small: { uses: ['number'], expression: 'number < 10' },
  is_on: { uses: ['flag'], expression: 'flag' },
  either: { uses: ['number', 'word'], expression: 'number > 5 || word == "ok"' },
  enough: { uses: ['count', 'ratio'], expression: 'count > uint(2) && ratio >= 0.5' },
  in_time: { uses: ['at', 'lasting', 'since'], expression: 'at >= since && at - since < lasting' },
  in_network: { uses: ['address'], expression: 'address.in_cidr("10.0.0.0/8")' },
  is_tagged: { uses: ['tags', 'word'], expression: 'word in tags || tags.exists(t, t.startsWith("n"))' },
  has_level: { uses: ['levels', 'word'], expression: 'levels[word] > 1' },
  is_thing: { uses: ['thing'], expression: 'thing.word == "ok"' },
};

export const conditionNames: readonly string[] = Object.keys(expressions);
export const parameterNames: readonly string[] = Object.keys(parameters);

export function conditionJson(name: string): ConditionJson {
  const { uses, expression } = expressions[name] ?? { uses: [], expression: 'true' };
  return {
    name,
    expression,
    parameters: Object.fromEntries(uses.map((parameter) => [parameter, parameters[parameter].type])),
  };
}

/** Picks from a parameter's values; 0 leaves it out. */
export type Pick = 0 | 1 | 2 | 3 | 4;

export function contextOf(names: readonly string[], picks: readonly Pick[]): Record<string, unknown> {
  const all: Readonly<Record<string, Parameter>> = parameters;
  return Object.fromEntries(
    names.flatMap((name, i) => {
      const pick = picks[i] ?? 0;
      return pick === 0 ? [] : [[name, all[name]?.values[pick - 1]]];
    }),
  );
}

/** The context of a tuple with this condition. */
export function tupleContext(condition: string, picks: readonly Pick[]): Record<string, unknown> {
  return contextOf(expressions[condition]?.uses ?? [], picks);
}
