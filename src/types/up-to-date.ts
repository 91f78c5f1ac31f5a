/**
 * Something held in memory that is never older than its source: each use catches up first, and who comes while one catch-up
 * runs shares the next, for that has not read yet.
 */
export class UpToDate<T> {
  readonly #catchUp: (held: T | undefined) => Promise<T>;
  #held: T | undefined;
  #upcoming: Promise<T> | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(catchUp: (held: T | undefined) => Promise<T>) {
    this.#catchUp = catchUp;
  }

  /** As of a moment after this call began. */
  current(): Promise<T> {
    this.#upcoming ??= this.#afterRunning();
    return this.#upcoming;
  }

  #afterRunning(): Promise<T> {
    const turn = this.#running.then(async () => {
      this.#upcoming = undefined;
      return (this.#held = await this.#catchUp(this.#held));
    });
    this.#running = turn.catch(() => {});
    return turn;
  }
}

/** One for each name, made when it is first asked for. */
export function eachUpToDate<T>(
  catchUp: (name: string, held: T | undefined) => Promise<T>,
): (name: string) => Promise<T> {
  const each = new Map<string, UpToDate<T>>();
  return (name) => {
    let one = each.get(name);
    if (one === undefined) each.set(name, (one = new UpToDate((held) => catchUp(name, held))));
    return one.current();
  };
}
