import type { Deployment } from './deployment.ts';
import { EVERYONE, type Tokens } from './world.ts';

export async function tokensOf(deployment: Deployment): Promise<Tokens> {
  const each = EVERYONE.map(async (person) => [person, await deployment.token(person)] as const);
  return { writer: await deployment.token('loader', ['ingest']), of: new Map(await Promise.all(each)) };
}
