import { InvalidArgumentError } from 'commander';

/** `user:anne` or plain `anne` gives `anne`, the token's subject. */
export function parseUser(type: 'user' | 'agent') {
  return (value: string): string => {
    const name = value.startsWith(`${type}:`) ? value.slice(type.length + 1) : value;
    if (name === '') throw new InvalidArgumentError(`give a name, as in ${type}:anne`);
    return name;
  };
}

export function wholeNumber(from: number, to?: number) {
  return (value: string): number => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < from || (to !== undefined && number > to)) {
      throw new InvalidArgumentError(
        `give a whole number from ${from} ${to === undefined ? 'on' : `to ${to}`}`,
      );
    }
    return number;
  };
}
