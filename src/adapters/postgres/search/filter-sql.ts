import type { Filter, Scalar } from '../../../types/filter.ts';

/** Turns a filter into SQL on `v.metadata`; every name and value goes in as a parameter of `bind`. */
export function filterSql(filter: Filter, bind: (value: unknown) => string): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${filter.of.map((part) => filterSql(part, bind)).join(` ${filter.kind.toUpperCase()} `)})`;
    case 'not':
      return `(NOT ${filterSql(filter.of, bind)})`;
    case 'in':
      return `(${filter.values.map((value) => equals(filter.field, value, bind)).join(' OR ')})`;
    case 'compare':
      return filter.op === 'eq'
        ? equals(filter.field, filter.value, bind)
        : ordered(filter.field, filter.op === 'gte' ? '>=' : '<=', filter.value, bind);
  }
}

/** Equal to the value, or a list that holds it. */
function equals(field: string, value: Scalar, bind: (value: unknown) => string): string {
  return `coalesce(v.metadata -> ${bind(field)}::text @> ${bind(JSON.stringify(value))}::jsonb, false)`;
}

/** Only values of one type have an order; strings are compared by their bytes, so ISO dates work. */
function ordered(field: string, operator: string, value: Scalar, bind: (value: unknown) => string): string {
  const name = `${bind(field)}::text`;
  return typeof value === 'string'
    ? `(coalesce(jsonb_typeof(v.metadata -> ${name}), '') = 'string' AND (v.metadata ->> ${name}) COLLATE "C" ${operator} ${bind(value)}::text)`
    : `(coalesce(jsonb_typeof(v.metadata -> ${name}), '') = 'number' AND v.metadata -> ${name} ${operator} ${bind(JSON.stringify(value))}::jsonb)`;
}
