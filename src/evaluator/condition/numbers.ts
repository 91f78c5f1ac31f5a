const MAX_INT64 = (1n << 63n) - 1n;
const MIN_INT64 = -(1n << 63n);

/** A number written as a string, exactly: `digits` times ten to the power of `exponent`. */
type Decimal = { readonly digits: bigint; readonly exponent: number };

/** A context value's integer, cut to 64 bits. Strings are taken as OpenFGA takes them. */
export function toInteger(wanted: string, value: unknown): bigint {
  const integer = typeof value === 'number' ? integerOf(value) : integerOfDecimal(decimal(wanted, value));
  if (integer === undefined) {
    throw new TypeError(`expected ${wanted} value, but found numeric value '${String(value)}'`);
  }
  return integer > MAX_INT64 ? MAX_INT64 : integer < MIN_INT64 ? MIN_INT64 : integer;
}

/** OpenFGA refuses a string whose number a float64 cannot hold exactly (at 64 bits of precision). */
export function toDouble(value: unknown): number {
  if (typeof value === 'number') return finite(value);
  if (typeof value === 'string' && /^[+-]?[iI]nf$/.test(value))
    return value.startsWith('-') ? -Infinity : Infinity;
  const exact = decimal('a float64', value);
  const double = Number(value);
  if (!isNearlyExact(exact, double)) {
    throw new TypeError(`number cannot be represented as a float64: ${String(value)}`);
  }
  return double;
}

/** JSON has no other numbers; one that is too large for a double arrives as Infinity. */
function finite(value: number): number {
  if (!Number.isFinite(value)) throw new TypeError(`number cannot be represented as a float64: ${value}`);
  return value;
}

function integerOf(value: number): bigint | undefined {
  return Number.isInteger(value) ? BigInt(value) : undefined;
}

function integerOfDecimal({ digits, exponent }: Decimal): bigint | undefined {
  if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  const divisor = 10n ** BigInt(-exponent);
  return digits % divisor === 0n ? digits / divisor : undefined;
}

function decimal(wanted: string, value: unknown): Decimal {
  if (typeof value !== 'string') {
    throw new TypeError(`expected ${wanted} value, but found '${JSON.stringify(value)}'`);
  }
  const match = /^([+-]?)(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,4}))?$/.exec(value);
  if (!match) throw new TypeError(`expected ${wanted} value, but found invalid string value '${value}'`);
  const [, sign, mantissa = '', power = '0'] = match;
  const [whole = '', fraction = ''] = mantissa.split('.');
  const digits = BigInt(`${whole}${fraction}`);
  return { digits: sign === '-' ? -digits : digits, exponent: Number(power) - fraction.length };
}

/** Whether rounding to 64 bits of mantissa, which is what the server does first, gives this double. */
function isNearlyExact(exact: Decimal, double: number): boolean {
  if (!Number.isFinite(double)) return false;
  if (double === 0) return exact.digits === 0n;
  const { mantissa, power } = partsOf(double);
  // Both sides times 2^shift and 10^scale, so that all is whole.
  const shift = BigInt(Math.max(0, -power + 12));
  const scale = 10n ** BigInt(Math.max(0, -exact.exponent));
  const left = exact.digits * 10n ** BigInt(Math.max(0, exact.exponent)) * 2n ** shift;
  const right = mantissa * 2n ** (shift + BigInt(power)) * scale;
  const difference = left > right ? left - right : right - left;
  // A 53-bit mantissa counts in units of 2^power; half a unit of 64 bits is 2^(power - 12).
  return difference <= 2n ** (shift + BigInt(power) - 12n) * scale;
}

/** The double as mantissa times 2^power, the mantissa having 53 bits. */
function partsOf(double: number): { mantissa: bigint; power: number } {
  let power = Math.floor(Math.log2(Math.abs(double))) - 52;
  let scaled = double / 2 ** power;
  while (Math.abs(scaled) >= 2 ** 53) {
    scaled /= 2;
    power += 1;
  }
  return { mantissa: BigInt(scaled), power };
}
