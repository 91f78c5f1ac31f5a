import type { Deployment } from './deployment.ts';
import { samePeople } from './history.ts';
import type { Writing } from './world.ts';

/** How far a document's change had come, by what the store and the engine hold. In the order of the write path. */
export const STAGES = [
  'nothing put down yet',
  'waits for an earlier step',
  'an earlier step is carried out again',
  'narrowing: put down',
  'narrowing: leased',
  'narrowing: taken away, not ticked off',
  'narrowed: the new text is not staged',
  'publishing: staged',
  'publishing: leased, nothing changed',
  'publishing: hidden, relationships missing',
  'publishing: hidden, relationships there',
  'publishing: in place, relationships there',
  'in force, not acknowledged',
  'deletion: hidden, put down',
  'deletion: leased',
  'deletion: relationships gone',
  'deleted, not acknowledged',
] as const;
export type Stage = (typeof STAGES)[number];

type Row = {
  published: number | null;
  published_word: string | null;
  version: number;
  head: string | null;
  head_version: number | null;
  attempts: number | null;
  leased: boolean;
  put_down: number;
};

/** Found by what is there, not by what the service says: it is dead, or stopped. */
export async function stageOf(deployment: Deployment, writing: Writing): Promise<Stage> {
  const { document, change, since } = writing;
  const { rows } = await deployment.database.query<Row>(
    `SELECT d.published_version AS published, p.metadata->>'word' AS published_word, d.version, o.step AS head,
       o.version AS head_version, o.attempts, coalesce(o.leased_until > now(), false) AS leased,
       coalesce(extract(epoch FROM o.created_at) * 1000, 0)::float8 AS put_down
     FROM documents d
     LEFT JOIN versions p ON p.document_no = d.no AND p.version = d.published_version
     LEFT JOIN outbox o ON o.id = (SELECT min(id) FROM outbox WHERE document_no = d.no)
     WHERE d.tenant = 'default' AND d.id = $1`,
    [document.id],
  );
  const [row] = rows;
  if (row === undefined) return 'nothing put down yet';
  const readers = await readersOf(deployment, document.id);
  if (row.head !== null && row.put_down < since) {
    return row.leased && row.attempts === 1
      ? 'waits for an earlier step'
      : 'an earlier step is carried out again';
  }
  if (change.kind === 'delete') return deletion(row, readers);
  const { word, readers: wanted = readers } = change;
  const added = samePeople(readers, wanted);
  if (row.head === 'narrow') {
    if (!row.leased) return 'narrowing: put down';
    const narrowed = readers.every((reader) => wanted.includes(reader));
    return narrowed ? 'narrowing: taken away, not ticked off' : 'narrowing: leased';
  }
  if (row.head === 'publish') {
    if (!row.leased) return 'publishing: staged';
    if (row.published === null)
      return added ? 'publishing: hidden, relationships there' : 'publishing: hidden, relationships missing';
    const inPlace = row.published === row.head_version && added;
    return inPlace ? 'publishing: in place, relationships there' : 'publishing: leased, nothing changed';
  }
  if (row.published_word === word && added) return 'in force, not acknowledged';
  const before = document.possible[0]?.readers ?? [];
  const narrowed = before.filter((reader) => wanted.includes(reader));
  return narrowed.length < before.length && samePeople(readers, narrowed)
    ? 'narrowed: the new text is not staged'
    : 'nothing put down yet';
}

function deletion({ head, leased, version, published }: Row, readers: readonly string[]): Stage {
  if (head === null)
    return version > 0 && published === null ? 'deleted, not acknowledged' : 'nothing put down yet';
  if (!leased) return 'deletion: hidden, put down';
  return readers.length > 0 ? 'deletion: leased' : 'deletion: relationships gone';
}

/** Whom OpenFGA holds as viewers of a document. */
export async function readersOf(
  { openfga, store }: Pick<Deployment, 'openfga' | 'store'>,
  id: string,
): Promise<readonly string[]> {
  const tuples = await openfga.read(store.storeId, { object: `document:${id}` });
  return tuples.map(({ user }) => user.replace(/^user:/, ''));
}
