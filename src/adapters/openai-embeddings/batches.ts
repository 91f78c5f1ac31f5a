/** OpenAI takes 2,048, some compatible servers far fewer; more than this saves no time. */
const MOST_TEXTS = 128;
/** OpenAI takes 300,000 tokens a request, and a UTF-16 unit is at most three tokens (a rare Chinese character). */
const MOST_UNITS = 100_000;

/** Consecutive runs of the texts, each fit for one request; a longer text is alone in its run. */
export function batches(texts: readonly string[]): string[][] {
  const runs: string[][] = [];
  let units = 0;
  for (const text of texts) {
    const run = runs.at(-1);
    if (run === undefined || run.length === MOST_TEXTS || units + text.length > MOST_UNITS) {
      runs.push([text]);
      units = text.length;
    } else {
      run.push(text);
      units += text.length;
    }
  }
  return runs;
}
