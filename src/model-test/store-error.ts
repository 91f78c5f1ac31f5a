/** A store file, or a file it names, that can't be run: the message says which, where in it, and why. */
export class StoreError extends Error {
  override readonly name = 'StoreError';

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(problems.join('\n'), options);
  }
}
