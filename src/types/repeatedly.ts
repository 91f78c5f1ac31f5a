import { setTimeout as sleep } from 'node:timers/promises';

/** Works again and again, with a pause before each time, until it is stopped; `stop` waits for what is under way. */
export function repeatedly(
  everyMs: number,
  work: (signal: AbortSignal) => Promise<void>,
  onError: (error: unknown) => void,
): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const { signal } = stopped;
  const loop = (async () => {
    for (;;) {
      await sleep(everyMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await work(signal).catch(onError);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await loop;
    },
  };
}
