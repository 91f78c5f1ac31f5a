/** A few numbers, without order. Most have one or two, some a hundred thousand: each is held as small as it can be. */
export type Edges = number | number[] | Set<number>;

const MAX_LIST = 16;

export function withEdge(edges: Edges | undefined, edge: number): Edges {
  if (edges === undefined) return edge;
  if (typeof edges === 'number') return edges === edge ? edges : [edges, edge];
  if (edges instanceof Set) return edges.add(edge);
  if (edges.includes(edge)) return edges;
  if (edges.length === MAX_LIST) return new Set(edges).add(edge);
  edges.push(edge);
  return edges;
}

/** Undefined where none is left. */
export function withoutEdge(edges: Edges | undefined, edge: number): Edges | undefined {
  if (edges === undefined || edges === edge) return undefined;
  if (typeof edges === 'number') return edges;
  if (edges instanceof Set) {
    edges.delete(edge);
    return edges.size === 0 ? undefined : edges;
  }
  const left = edges.filter((one) => one !== edge);
  return left.length === 0 ? undefined : left;
}

const none: readonly number[] = [];

export function each(edges: Edges | undefined): Iterable<number> {
  return edges === undefined ? none : typeof edges === 'number' ? [edges] : edges;
}
