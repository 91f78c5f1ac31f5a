/** What one side of a pair looks like: a number for each feature. */
export type Sample = { readonly features: readonly number[]; readonly forbidden: boolean };

/** How well a number tells the one from the other, whichever way round: 0.5 is a guess, 1 is always right. */
export function areaUnderCurve(
  scored: readonly { readonly score: number; readonly forbidden: boolean }[],
): number {
  const sorted = scored.toSorted((a, b) => a.score - b.score);
  let ranks = 0;
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (end < sorted.length && sorted[end]?.score === sorted[i]?.score) end += 1;
    // Equal ones share the mean of their ranks.
    const rank = (i + 1 + end) / 2;
    for (; i < end; i += 1) if (sorted[i]?.forbidden === true) ranks += rank;
  }
  const positive = scored.filter(({ forbidden }) => forbidden).length;
  const negative = scored.length - positive;
  const area = (ranks - (positive * (positive + 1)) / 2) / (positive * negative);
  return Math.max(area, 1 - area);
}

const FOLDS = 10;
const STEPS = 400;
const RATE = 0.3;
/** Keeps weights small where a feature tells nothing. */
const DECAY = 0.01;

/** The same for all features at once: logistic regression, of which each sample is judged by one that has not seen it. */
export function crossValidated(samples: readonly Sample[]): number {
  const columns = samples[0]?.features.map((_, i) =>
    standardised(samples.map(({ features }) => features[i] ?? 0)),
  );
  const rows = samples.map((sample, row) => ({
    ...sample,
    features: [1, ...(columns ?? []).map((column) => column[row] ?? 0)],
  }));
  const scored = Array.from({ length: FOLDS }, (_, fold) => {
    // A pair's two sides are neighbours, and go to the same fold.
    const isHeldOut = (row: number) => Math.floor(row / 2) % FOLDS === fold;
    const weights = trained(rows.filter((_, row) => !isHeldOut(row)));
    return rows
      .filter((_, row) => isHeldOut(row))
      .map(({ features, forbidden }) => ({ score: dot(weights, features), forbidden }));
  });
  return areaUnderCurve(scored.flat());
}

function trained(samples: readonly Sample[]): readonly number[] {
  const weights = (samples[0]?.features ?? []).map(() => 0);
  for (let step = 0; step < STEPS; step += 1) {
    const gradient = weights.map((weight) => DECAY * weight);
    for (const { features, forbidden } of samples) {
      const error = 1 / (1 + Math.exp(-dot(weights, features))) - Number(forbidden);
      for (const [i, feature] of features.entries()) {
        gradient[i] = (gradient[i] ?? 0) + (error * feature) / samples.length;
      }
    }
    for (const [i, slope] of gradient.entries()) weights[i] = (weights[i] ?? 0) - RATE * slope;
  }
  return weights;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}

/** Mean 0 and variance 1; all 0 where all are equal. Far off ones are brought to 4. */
function standardised(values: readonly number[]): readonly number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return values.map((value) => (deviation === 0 ? 0 : Math.max(-4, Math.min(4, (value - mean) / deviation))));
}
