import { InvalidArgumentError } from 'commander';

/** `user:anne` or plain `anne` gives `anne`, the token's subject. */
export function parseUser(type: 'user' | 'agent') {
  return (value: string): string => {
    const name = value.startsWith(`${type}:`) ? value.slice(type.length + 1) : value;
    if (name === '') throw new InvalidArgumentError(`give a name, as in ${type}:anne`);
    return name;
  };
}

export type Asker = { readonly subject: string; readonly ofAgent?: true };

/** Who asks: `user:anne` or plain `anne`, or an agent by itself, `agent:bot`. */
export function parseAsker(value: string): Asker {
  return value.startsWith('agent:')
    ? { subject: parseUser('agent')(value), ofAgent: true }
    : { subject: parseUser('user')(value) };
}

/** `--agent` once more for each agent through which it comes. */
export function parseAgents(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, parseUser('agent')(value)];
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
