const tails = new Map<string, Promise<unknown>>();

/** Runs work on the same key one after the other, in the order it was asked for; other keys don't wait. */
export function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
  const before = tails.get(key) ?? Promise.resolve();
  const turn = before.then(work, work);
  tails.set(key, turn);
  const clear = () => {
    if (tails.get(key) === turn) tails.delete(key);
  };
  turn.then(clear, clear);
  return turn;
}
