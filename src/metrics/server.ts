import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { collectDefaultMetrics } from 'prom-client';
import { describeError, StartupError } from '../types/errors.ts';
import type { Meter } from './meter.ts';
import { type Sources, scraper } from './scrape.ts';

export type MetricsServer = { readonly url: string; close(): Promise<void> };

/** Serves `/metrics` in Prometheus' text format on a port of its own. It asks for no token: keep it from the world. */
export async function metricsServer(
  meter: Meter,
  sources: Sources,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<MetricsServer> {
  collectDefaultMetrics({ register: meter.registry });
  const scrape = scraper(meter, sources);
  const server = createServer((request, response) => {
    const asked = request.url?.split('?')[0] === '/metrics';
    if (!asked || (request.method !== 'GET' && request.method !== 'HEAD')) response.writeHead(404).end();
    else void answer(response, scrape, meter.registry.contentType);
  });
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new StartupError(
      `Metrics can't be served (${describeError(error).message}). Change METRICS_HOST or METRICS_PORT.`,
      { cause: error },
    );
  }
  const bound = server.address();
  const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}/metrics`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  response: ServerResponse,
  scrape: () => Promise<string>,
  contentType: string,
): Promise<void> {
  try {
    const text = await scrape();
    response.writeHead(200, { 'content-type': contentType }).end(text);
  } catch {
    response.writeHead(500).end();
  }
}
