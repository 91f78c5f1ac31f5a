const SENTENCES = 30;

/** A word for each version of each text, which the search keeps whole. */
export function wordOf(document: number, version: number): string {
  return `w${document}v${version}x`;
}

const WORD = /\bw\d+v\d+x\b/g;

/** Several passages long, with its word in each. */
export function textOf(word: string): string {
  return Array.from(
    { length: SENTENCES },
    (_, i) => `Sentence s${i}e of the report on ${word} says what it found and what is to be done next.`,
  ).join(' ');
}

export function wordsIn(text: string): readonly string[] {
  return [...new Set(text.match(WORD))];
}

/** What is missing or strange in what should be the whole text of `word`; undefined where nothing is. */
export function textProblem(word: string, passages: readonly string[]): string | undefined {
  const whole = passages.join('\n');
  const words = wordsIn(whole);
  if (words.length !== 1 || words[0] !== word) return `it holds ${words.join(', ')} instead of ${word}`;
  for (let i = 0; i < SENTENCES; i += 1) if (!whole.includes(` s${i}e `)) return `sentence ${i} is missing`;
  return undefined;
}
