import { shuffled } from './random.ts';
import { dot, type Vectors, vectorAt } from './vectors.ts';

const TOPICS = 300;
const SAMPLE = 20_000;
const ROUNDS = 4;

/** Topic after topic, in random order, and within one from its middle outwards. Topics are found by k-means. */
export function inOrderOfTopics(vectors: Vectors, random: () => number): Uint32Array {
  const sample = shuffled(vectors.count, random).subarray(0, SAMPLE);
  let centres = Array.from(sample.subarray(0, TOPICS), (i) => vectorAt(vectors, i).slice());
  for (let round = 0; round < ROUNDS; round += 1) {
    const sums = centres.map(() => new Float32Array(vectors.dimension));
    for (const i of sample) {
      const vector = vectorAt(vectors, i);
      const sum = sums[nearest(centres, vector).topic];
      for (const [d, x] of vector.entries()) if (sum !== undefined) sum[d] = (sum[d] ?? 0) + x;
    }
    centres = sums.map((sum) => {
      const length = Math.sqrt(dot(sum, sum)) || 1;
      return sum.map((x) => x / length);
    });
  }
  const place = shuffled(TOPICS, random);
  const order = Float64Array.from({ length: vectors.count }, (_, i) => {
    const { topic, likeness } = nearest(centres, vectorAt(vectors, i));
    return (place[topic] ?? 0) * 4 - likeness;
  });
  return Uint32Array.from({ length: vectors.count }, (_, i) => i).toSorted(
    (a, b) => (order[a] ?? 0) - (order[b] ?? 0),
  );
}

function nearest(
  centres: readonly Float32Array[],
  vector: Float32Array,
): { readonly topic: number; readonly likeness: number } {
  let topic = 0;
  let likeness = Number.NEGATIVE_INFINITY;
  for (const [i, centre] of centres.entries()) {
    const product = dot(centre, vector);
    if (product <= likeness) continue;
    topic = i;
    likeness = product;
  }
  return { topic, likeness };
}
