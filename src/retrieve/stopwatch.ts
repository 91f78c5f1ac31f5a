/** How long each step has taken, in milliseconds to a tenth: for the audit record. */
export function stopwatch(): {
  readonly lap: (step: string) => void;
  readonly durations: Readonly<Record<string, number>>;
} {
  const durations: Record<string, number> = {};
  let last = performance.now();
  return {
    durations,
    lap(step) {
      const now = performance.now();
      durations[step] = Math.round((now - last) * 10) / 10;
      last = now;
    },
  };
}
