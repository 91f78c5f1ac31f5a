import { UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import type { ParameterTypeJson } from '../model-json.ts';
import { IpAddress } from './ip-address.ts';
import { toDouble, toInteger } from './numbers.ts';
import { Duration, Timestamp } from './time.ts';

/** A condition parameter's type: its name in CEL, and how a JSON value becomes a value of it. */
export type ParameterType = {
  readonly cel: string;
  /** The type of the elements, for lists and maps. */
  readonly element?: ParameterType;
  /** Throws where the value is not of the type. */
  convert(value: unknown): unknown;
};

const scalars: Readonly<Record<string, ParameterType>> = {
  TYPE_NAME_ANY: { cel: 'dyn', convert: (value) => value },
  TYPE_NAME_BOOL: {
    cel: 'bool',
    convert: (value) => (typeof value === 'boolean' ? value : mismatch('bool', value)),
  },
  TYPE_NAME_STRING: { cel: 'string', convert: (value) => text('string', value) },
  TYPE_NAME_INT: { cel: 'int', convert: (value) => toInteger('an int', value) },
  TYPE_NAME_UINT: {
    cel: 'uint',
    convert(value) {
      const integer = toInteger('a uint', value);
      return integer < 0n ? mismatch('uint', value) : new UnsignedInt(integer);
    },
  },
  TYPE_NAME_DOUBLE: { cel: 'double', convert: toDouble },
  TYPE_NAME_DURATION: {
    cel: 'google.protobuf.Duration',
    convert: (value) => Duration.parse(text('duration string', value)),
  },
  TYPE_NAME_TIMESTAMP: {
    cel: 'google.protobuf.Timestamp',
    convert: (value) => Timestamp.parse(text('timestamp string', value)),
  },
  TYPE_NAME_IPADDRESS: {
    cel: 'IPAddress',
    convert: (value) => new IpAddress(text('ipaddress string', value)),
  },
};

/** Throws where the model names a type that OpenFGA does not have. */
export function parameterType(json: ParameterTypeJson): ParameterType {
  const generics = json.generic_types ?? [];
  const [first] = generics;
  const isGeneric = json.type_name === 'TYPE_NAME_LIST' || json.type_name === 'TYPE_NAME_MAP';
  const wanted = isGeneric ? 1 : 0;
  if (generics.length !== wanted) {
    throw new TypeError(
      `condition parameter type \`${json.type_name}\` requires ${wanted} generic types; found ${generics.length}`,
    );
  }
  if (isGeneric && first) {
    const element = parameterType(first);
    return json.type_name === 'TYPE_NAME_LIST' ? listOf(element) : mapOf(element);
  }
  const scalar = scalars[json.type_name];
  if (!scalar) throw new TypeError(`unknown condition parameter type \`${json.type_name}\``);
  return scalar;
}

function listOf(element: ParameterType): ParameterType {
  return {
    cel: `list<${element.cel}>`,
    element,
    convert: (value) =>
      Array.isArray(value) ? value.map((item) => element.convert(item)) : mismatch('list', value),
  };
}

function mapOf(element: ParameterType): ParameterType {
  return {
    cel: `map<string, ${element.cel}>`,
    element,
    convert(value) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return mismatch('map', value);
      return new Map(Object.entries(value).map(([key, item]) => [key, element.convert(item)]));
    },
  };
}

function text(type: string, value: unknown): string {
  return typeof value === 'string' ? value : mismatch(type, value);
}

function mismatch(type: string, value: unknown): never {
  throw new TypeError(`expected type value '${type}', but found '${JSON.stringify(value)}'`);
}
