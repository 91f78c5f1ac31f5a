import { openService } from '../../compose.ts';
import type { Config } from '../../config.ts';
import { metricsServer } from '../../metrics/server.ts';
import { StartupError } from '../../types/errors.ts';
import { httpServer } from '../http/server.ts';
import { announceService } from './running-service.ts';
import { told } from './told.ts';

/** Runs until SIGINT or SIGTERM; requests under way are answered first. */
export async function serve(config: Config): Promise<void> {
  await using cleanUp = new AsyncDisposableStack();
  const service = await openService(config, (error) => console.error('in the background:', told(error)));
  cleanUp.defer(() => service.close());
  if (config.metrics !== undefined) {
    const metrics = await metricsServer(service.meter, service.sources, config.metrics);
    cleanUp.defer(() => metrics.close());
    console.log(`Metrics are at ${metrics.url}`);
  }
  const app = await httpServer(service);
  cleanUp.defer(() => app.close());
  const end = signalled();
  const url = await listen(app, config);
  const announced = await announceService(config.dataDir, url);
  cleanUp.defer(() => announced.withdraw());
  for (const line of service.found) console.log(line);
  const data = config.database === undefined ? `data in ${config.dataDir}` : 'data in Postgres';
  console.log(`Clearance listens on ${url} (${config.mode} mode, ${data})`);
  await end;
}

async function listen(app: Awaited<ReturnType<typeof httpServer>>, { host, port }: Config): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') {
      throw new StartupError(`Port ${port} on ${host} is in use. Stop what uses it, or set PORT to another.`);
    }
    if (code === 'EACCES')
      throw new StartupError(`Port ${port} needs more rights. Set PORT to one above 1023.`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new StartupError(
        `HOST is ${host}, which is no address of this machine. Unset it, or set it to 127.0.0.1.`,
      );
    }
    throw error;
  }
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
