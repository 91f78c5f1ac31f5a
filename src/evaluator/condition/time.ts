const NANOS_PER_SECOND = 1_000_000_000n;
const MAX_INT64 = (1n << 63n) - 1n;
const MIN_INT64 = -(1n << 63n);

/** The last and first instant that CEL knows: the years 1 to 9999. */
const LAST_SECOND = 253_402_300_799n;
const FIRST_SECOND = -62_135_596_800n;

const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: NANOS_PER_SECOND,
  m: 60n * NANOS_PER_SECOND,
  h: 3_600n * NANOS_PER_SECOND,
};

/** An instant to the nanosecond; JavaScript's own dates stop at milliseconds. */
export class Timestamp {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    const seconds = floorDivide(nanos, NANOS_PER_SECOND);
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND) throw new RangeError('timestamp overflow');
    this.nanos = nanos;
  }

  /** RFC 3339, as Go's time.Parse takes it: an hour of one digit, and offsets up to 24:60. */
  static parse(text: string): Timestamp {
    const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/.exec(
      text,
    );
    const [, year, month, day, hour, minute, second, fraction, sign, zoneHour, zoneMinute] = match ?? [];
    const date = new Date(0);
    date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
    const inRange =
      date.getUTCMonth() === Number(month) - 1 &&
      Number(hour) < 24 &&
      Number(minute) < 60 &&
      Number(second) < 60 &&
      Number(zoneHour ?? 0) <= 24 &&
      Number(zoneMinute ?? 0) <= 60;
    if (!match || !inRange) {
      throw new SyntaxError(`expected RFC 3339 formatted timestamp string, but found '${text}'`);
    }
    date.setUTCHours(Number(hour), Number(minute), Number(second));
    const offset = (sign === '-' ? -1 : 1) * (Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0));
    const milliseconds = BigInt(date.getTime() - offset * 60_000);
    return new Timestamp(milliseconds * 1_000_000n + BigInt((fraction ?? '').slice(0, 9).padEnd(9, '0')));
  }

  static fromSeconds(seconds: bigint): Timestamp {
    return new Timestamp(seconds * NANOS_PER_SECOND);
  }

  get seconds(): bigint {
    return floorDivide(this.nanos, NANOS_PER_SECOND);
  }

  /** Cut to the millisecond, for what depends on calendars and time zones. */
  toDate(): Date {
    return new Date(Number(floorDivide(this.nanos, 1_000_000n)));
  }

  toString(): string {
    const whole = new Date(Number(this.seconds) * 1_000).toISOString().slice(0, 19);
    return `${whole}${fractionText(this.nanos - this.seconds * NANOS_PER_SECOND)}Z`;
  }
}

/** A signed span of nanoseconds within 64 bits, as Go's time.Duration. */
export class Duration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    if (nanos > MAX_INT64 || nanos < MIN_INT64) throw new RangeError('duration overflow');
    this.nanos = nanos;
  }

  /** As Go's time.ParseDuration: `1h30m`, `-1.5s`, `0`. */
  static parse(text: string): Duration {
    const [, sign, body = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
    if (body === '0') return new Duration(0n);
    if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) {
      throw new SyntaxError(`expected a valid duration string, but found: '${text}'`);
    }
    let nanos = 0n;
    for (const [, whole = '', fraction = '', unit = ''] of body.matchAll(
      /(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g,
    )) {
      const scale = unitNanos[unit] ?? 0n;
      nanos += BigInt(whole || '0') * scale;
      if (fraction) nanos += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
    }
    return new Duration(sign === '-' ? -nanos : nanos);
  }

  /** Whole units, cut towards zero. */
  in(unit: 'h' | 'm' | 's' | 'ms'): bigint {
    return this.nanos / (unitNanos[unit] ?? 1n);
  }

  toString(): string {
    const absolute = this.nanos < 0n ? -this.nanos : this.nanos;
    const whole = absolute / NANOS_PER_SECOND;
    return `${this.nanos < 0n ? '-' : ''}${whole}${fractionText(absolute % NANOS_PER_SECOND)}s`;
  }
}

function fractionText(nanos: bigint): string {
  return nanos === 0n ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}
