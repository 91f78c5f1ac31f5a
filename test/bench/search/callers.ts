import { DocumentSet } from '../../../src/types/document-set.ts';
import { randomFrom, shuffled } from './random.ts';
import { inOrderOfTopics } from './topics.ts';
import type { Vectors } from './vectors.ts';

export const shares = [1, 0.5, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0001];
/** What permissions go by. */
export const shapes = ['random', 'topics'] as const;
export type Shape = (typeof shapes)[number];

export type Caller = {
  readonly user: string;
  readonly shape: Shape;
  readonly share: number;
  readonly readable: DocumentSet;
};

export type Tuple = readonly [object: string, relation: string, user: string];

/** The least share is one folder. */
const FOLDERS = 10_000;

/**
 * Each document is in a folder of each shape, and a caller is a viewer of as many folders as make up the share. Documents
 * have numbers from 1 on, and the ids `d1`, `d2`, ….
 */
export function permissionsOf(vectors: Vectors): { readonly callers: Caller[]; readonly tuples: Tuple[] } {
  const random = randomFrom(7);
  const callers: Caller[] = [];
  const tuples: Tuple[] = [];
  for (const shape of shapes) {
    const order = shape === 'random' ? shuffled(vectors.count, random) : inOrderOfTopics(vectors, random);
    for (const [place, i] of order.entries()) {
      const folder = Math.floor((place * FOLDERS) / order.length);
      tuples.push([`document:d${i + 1}`, 'parent', `folder:${shape}-${folder}`]);
    }
    for (const share of shares) {
      const user = `user:${shape}-${share}`;
      const folders = Math.round(share * FOLDERS);
      for (let n = 0; n < folders; n += 1) tuples.push([`folder:${shape}-${n}`, 'viewer', user]);
      const documents = order.subarray(0, Math.ceil((folders * order.length) / FOLDERS));
      callers.push({ user, shape, share, readable: DocumentSet.of(Array.from(documents, (i) => i + 1)) });
    }
  }
  return { callers, tuples };
}
