import type { RealParts } from '../../scripts/parts/addresses.ts';
import { openService, type Service } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { developmentToken } from '../../src/operator.ts';
import { seed } from '../real/seed.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { install } from '../support/real-service.ts';
import { openTestService } from '../support/service.ts';
import type { Slice } from './slice.ts';

export const K = 10;

export type Answered = { readonly status: number; readonly body: string; readonly ms: number };

/** The service over HTTP on one kind of parts. */
export type Door = {
  /** How long it took to write all of it. */
  readonly seconds: number;
  ask(user: string, query: string): Promise<Answered>;
  close(): Promise<void>;
};

export async function embeddedDoor(slice: Slice): Promise<Door> {
  const service = await openTestService();
  return doorOf(service, service.config, slice, async () => {});
}

export async function realDoor(slice: Slice, parts: RealParts): Promise<Door> {
  const installation = await install({ RATE_LIMIT_PER_MINUTE: '1000000' }, parts);
  const config = readConfig(installation.env);
  return doorOf(await openService(config, console.error), config, slice, () => installation.close());
}

async function doorOf(
  service: Service,
  config: Config,
  { documents, relationships }: Slice,
  remove: () => Promise<void>,
): Promise<Door> {
  const begin = performance.now();
  await seed(service.write, config, { documents, relationships });
  const seconds = (performance.now() - begin) / 1_000;
  const http = await serveHttp(service);
  return {
    seconds,
    ask: (user, query) => ask(http, config, user, query),
    async close() {
      await http.close();
      await service.close();
      await remove();
    },
  };
}

async function ask(http: Http, config: Config, user: string, query: string): Promise<Answered> {
  const subject = user.replace(/^user:/, '');
  const token = await developmentToken(config, { subject, scopes: ['retrieve'], lifetime: 600 });
  const begin = performance.now();
  const { status, text } = await http.send('POST', '/v1/retrieve', { token, json: { query, k: K } });
  return { status, body: withoutNames(text), ms: performance.now() - begin };
}

/**
 * Without what names this one answer or this one store: two random ids, a count of the engine's own changes, and numbers
 * that passages get in the order in which four writers at once happened to finish. Inside a text its quotes are escaped.
 */
function withoutNames(body: string): string {
  return body.replaceAll(/,?"(?:session_id|decision_id|watermark|chunk_id)":"[^"]*"/g, '');
}
