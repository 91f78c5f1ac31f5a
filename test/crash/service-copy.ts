import { type Served, serve } from '../support/cli.ts';
import type { Deployment } from './deployment.ts';

/** One of the running copies of the service. */
export type ServiceCopy = {
  readonly name: string;
  /** Undefined while it is down. */
  readonly url: string | undefined;
};

/** Tries of a start, as a supervisor's: the parts may be too busy to answer the service's questions in time. */
const STARTS = 5;

/** A process that is killed and started again. */
export class KillableCopy implements ServiceCopy {
  readonly name: string;
  url: string | undefined;
  readonly failedStarts: string[] = [];
  readonly #deployment: Deployment;
  #process: Served | undefined;

  constructor(name: string, deployment: Deployment) {
    this.name = name;
    this.#deployment = deployment;
  }

  async start(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        this.#process = await serve(this.#deployment.config.dataDir, this.#deployment.env);
        this.url = this.#process.url;
        return;
      } catch (error) {
        this.failedStarts.push(String(error));
        if (tries === STARTS) throw error;
      }
    }
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal);
  }

  async kill(): Promise<void> {
    this.url = undefined;
    this.#process?.kill('SIGKILL');
    await this.#process?.ended;
  }
}
