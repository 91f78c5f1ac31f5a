import { Presets, SingleBar } from 'cli-progress';

/** A bar on standard error; where that is no terminal, a line now and then. */
export function progressBar(what: string, unit: string) {
  const bar = new SingleBar(
    {
      format: `${what} [{bar}] {percentage} % | {value} of {total} ${unit} | {note}`,
      stream: process.stderr,
      noTTYOutput: true,
      notTTYSchedule: 5_000,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  let running = false;
  return {
    at(value: number, total: number, note = ''): void {
      if (!running) bar.start(total, value, { note });
      running = true;
      bar.setTotal(total);
      bar.update(value, { note });
    },
    stop(): void {
      if (running) bar.stop();
      running = false;
    },
  };
}
