import { Environment } from '@marcbachmann/cel-js';
import { Duration as CelDuration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { isRecord } from './cost.ts';
import { IpAddress } from './ip-address.ts';
import { matches } from './regex.ts';
import { Duration, Timestamp } from './time.ts';

const TIMESTAMP = 'google.protobuf.Timestamp';
const DURATION = 'google.protobuf.Duration';

function notHere(): never {
  throw new TypeError('no such overload');
}

/** CEL's standard library as the type checker sees it, with what cel-js lacks of it and OpenFGA adds. */
export const library: Environment = new Environment({ homogeneousAggregateLiterals: false })
  .registerType('IPAddress', IpAddress)
  .registerFunction('ipaddress(string): IPAddress', (text: string) => new IpAddress(text))
  .registerFunction('IPAddress.in_cidr(string): bool', (ip: IpAddress, cidr: string) => ip.inCidr(cidr))
  .registerOperator('IPAddress == IPAddress', (a: IpAddress, b: IpAddress) => a.equals(b))
  .registerFunction('matches(string, string): bool', matches)
  .registerFunction('int(uint): int', (value: UnsignedInt) => value.value)
  .registerFunction(`int(${TIMESTAMP}): int`, notHere)
  .registerFunction(`int(${DURATION}): int`, notHere)
  .registerFunction(`string(${TIMESTAMP}): string`, notHere)
  .registerFunction(`string(${DURATION}): string`, notHere)
  .registerFunction(`timestamp(${TIMESTAMP}): ${TIMESTAMP}`, notHere)
  .registerFunction(`duration(${DURATION}): ${DURATION}`, notHere);

/** Applies an operator or function to values; throws where there is no overload or it fails. */
export function apply(
  name: string,
  form: 'operator' | 'function' | 'method',
  args: readonly unknown[],
): unknown {
  const [first, second] = args;
  if (name === '==') return areEqual(first, second);
  if (name === '!=') return !areEqual(first, second);
  if (name === 'in') return isIn(first, second);
  if (name === 'matches' && typeof first === 'string' && typeof second === 'string') {
    return matches(first, second);
  }
  const timed = applyToTime(name, args);
  if (timed !== undefined) return timed;
  return fromCel(delegate(name, form, args.map(toCel)));
}

function applyToTime(name: string, args: readonly unknown[]): unknown {
  const [first, second] = args;
  switch (name) {
    case 'timestamp':
      if (typeof first === 'string') return Timestamp.parse(first);
      if (typeof first === 'bigint') return Timestamp.fromSeconds(first);
      return first instanceof Timestamp ? first : undefined;
    case 'duration':
      if (typeof first === 'string') return Duration.parse(first);
      return first instanceof Duration ? first : undefined;
    case 'string':
      return first instanceof Timestamp || first instanceof Duration ? first.toString() : undefined;
    case 'int':
      if (first instanceof Timestamp) return first.seconds;
      return first instanceof Duration ? first.nanos : undefined;
    case 'getHours':
      return first instanceof Duration ? first.in('h') : undefined;
    case 'getMinutes':
      return first instanceof Duration ? first.in('m') : undefined;
    case 'getSeconds':
      return first instanceof Duration ? first.in('s') : undefined;
    case 'getMilliseconds':
      return first instanceof Duration ? first.in('ms') : undefined;
    case '+':
      return add(first, second);
    case '-':
      return subtract(first, second);
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compareTimes(name, first, second);
    default:
      return undefined;
  }
}

function add(first: unknown, second: unknown): unknown {
  if (first instanceof Duration && second instanceof Timestamp) return add(second, first);
  if (!(second instanceof Duration)) return undefined;
  if (first instanceof Timestamp) return new Timestamp(first.nanos + second.nanos);
  return first instanceof Duration ? new Duration(first.nanos + second.nanos) : undefined;
}

function subtract(first: unknown, second: unknown): unknown {
  if (first instanceof Timestamp && second instanceof Timestamp)
    return new Duration(first.nanos - second.nanos);
  if (!(second instanceof Duration)) return undefined;
  if (first instanceof Timestamp) return new Timestamp(first.nanos - second.nanos);
  return first instanceof Duration ? new Duration(first.nanos - second.nanos) : undefined;
}

function compareTimes(operator: '<' | '<=' | '>' | '>=', first: unknown, second: unknown): unknown {
  const same =
    (first instanceof Timestamp && second instanceof Timestamp) ||
    (first instanceof Duration && second instanceof Duration);
  if (!same) return undefined;
  switch (operator) {
    case '<':
      return first.nanos < second.nanos;
    case '<=':
      return first.nanos <= second.nanos;
    case '>':
      return first.nanos > second.nanos;
    default:
      return first.nanos >= second.nanos;
  }
}

/** CEL's equality: numbers by value whatever their type, everything else only within its type. */
function areEqual(a: unknown, b: unknown): boolean {
  const x = numberOf(a);
  const y = numberOf(b);
  // A bigint and a number compare by value only with the loose operator.
  // oxlint-disable-next-line eqeqeq
  if (x !== undefined && y !== undefined) return x == y;
  if (a instanceof Timestamp && b instanceof Timestamp) return a.nanos === b.nanos;
  if (a instanceof Duration && b instanceof Duration) return a.nanos === b.nanos;
  if (a instanceof IpAddress && b instanceof IpAddress) return a.equals(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => areEqual(item, b[i]));
  }
  const left = entriesOf(a);
  const right = entriesOf(b);
  if (left && right) {
    return left.size === right.size && [...left].every(([k, v]) => right.has(k) && areEqual(v, right.get(k)));
  }
  return a === b;
}

function isIn(value: unknown, container: unknown): boolean {
  if (Array.isArray(container)) return container.some((item) => areEqual(value, item));
  const entries = entriesOf(container);
  if (!entries) throw new TypeError('no such overload: in');
  return [...entries.keys()].some((key) => areEqual(value, key));
}

function numberOf(value: unknown): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return value instanceof UnsignedInt ? value.value : undefined;
}

/** The entries of a CEL map, which is a `Map` where its type is declared and an object where it is `any`. */
export function entriesOf(value: unknown): ReadonlyMap<unknown, unknown> | undefined {
  if (value instanceof Map) return value;
  return isRecord(value) ? new Map(Object.entries(value)) : undefined;
}

const names = ['a', 'b', 'c'] as const;
const caller = library.clone();
for (const name of names) caller.registerVariable(name, 'dyn');

type Call = (context: Readonly<Record<string, unknown>>) => unknown;
const calls = new Map<string, Call>();

/** cel-js applies it, to operands whose types it finds out as it runs. */
function delegate(name: string, form: 'operator' | 'function' | 'method', args: readonly unknown[]): unknown {
  const key = `${form} ${name} ${args.length}`;
  let call = calls.get(key);
  if (!call) {
    const [a, ...rest] = names.slice(0, args.length);
    const source =
      form === 'method'
        ? `${a}.${name}(${rest.join(', ')})`
        : form === 'function'
          ? `${name}(${[a, ...rest].join(', ')})`
          : args.length === 1
            ? `${name}${a}`
            : `${a} ${name} ${rest[0]}`;
    call = caller.parse(source);
    calls.set(key, call);
  }
  return call({ a: args[0], b: args[1], c: args[2] });
}

function toCel(value: unknown): unknown {
  if (value instanceof Timestamp) return value.toDate();
  if (value instanceof Duration) return new CelDuration(value.in('s'), Number(value.nanos % 1_000_000_000n));
  return value;
}

function fromCel(value: unknown): unknown {
  return value instanceof Date ? new Timestamp(BigInt(value.getTime()) * 1_000_000n) : value;
}
