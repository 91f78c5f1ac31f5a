import type { Config } from '../../config.ts';
import { developmentToken } from '../../operator.ts';
import { StartupError } from '../../types/errors.ts';
import { scopes } from '../../types/principal.ts';
import type { Asker } from './arguments.ts';

export type TokenOptions = {
  readonly as: Asker;
  readonly agent?: readonly string[];
  readonly scope: readonly string[];
  readonly source?: string;
  readonly hours: number;
};

export async function token(config: Config, options: TokenOptions): Promise<void> {
  const wanted = options.scope.flatMap((scope) => scope.split(/[ ,]+/));
  const known = scopes.filter((scope) => wanted.includes(scope));
  const unknown = wanted.filter((scope) => !scopes.some((name) => name === scope));
  if (unknown.length > 0)
    throw new StartupError(`Unknown scope ${unknown.join(', ')}; there are ${scopes.join(', ')}.`);
  const minted = await developmentToken(config, {
    ...options.as,
    scopes: known,
    lifetime: Math.round(options.hours * 3_600),
    ...(options.agent === undefined ? {} : { actor: options.agent }),
    ...(options.source === undefined ? {} : { source: options.source }),
  });
  console.log(minted);
}
