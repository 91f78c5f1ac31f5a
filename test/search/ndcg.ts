/** Normalised discounted cumulative gain of a ranking against graded judgements (Järvelin and Kekäläinen, linear gain). */
export function ndcg(ranking: readonly string[], judged: ReadonlyMap<string, number>): number {
  const gain = (grades: readonly number[]) =>
    grades.reduce((sum, grade, i) => sum + Math.max(0, grade) / Math.log2(i + 2), 0);
  const ideal = gain([...judged.values()].toSorted((a, b) => b - a).slice(0, 10));
  return ideal === 0 ? 0 : gain(ranking.map((id) => judged.get(id) ?? 0)) / ideal;
}
