import { z } from 'zod';
import type { Tuple, TupleKey } from '../../src/types/tuple.ts';
import type { Deployment } from '../crash/deployment.ts';

/** Where access comes from: what stays, and the one relationship whose deletion revokes it. */
type Way = (
  person: string,
  document: string,
) => { readonly fixed: readonly Tuple[]; readonly revoked: Tuple };

const ways: Readonly<Record<string, Way>> = {
  'shared with the person': (person, document) => ({
    fixed: [],
    revoked: { user: person, relation: 'viewer', object: document },
  }),
  'shared with a group': (person, document) => {
    const group = `group:of-${nameOf(document)}`;
    return {
      fixed: [{ user: `${group}#member`, relation: 'viewer', object: document }],
      revoked: { user: person, relation: 'member', object: group },
    };
  },
  'shared with a group of groups': (person, document) => {
    const [outer, inner] = [`group:around-${nameOf(document)}`, `group:within-${nameOf(document)}`];
    return {
      fixed: [
        { user: `${outer}#member`, relation: 'editor', object: document },
        { user: `${inner}#member`, relation: 'member', object: outer },
      ],
      revoked: { user: person, relation: 'member', object: inner },
    };
  },
  'its folder shared': (person, document) => {
    const folder = `folder:of-${nameOf(document)}`;
    return {
      fixed: [{ user: folder, relation: 'parent', object: document }],
      revoked: { user: person, relation: 'viewer', object: folder },
    };
  },
  'in a shared folder': (person, document) => {
    const folder = `folder:shared-${nameOf(document)}`;
    return {
      fixed: [{ user: person, relation: 'viewer', object: folder }],
      revoked: { user: folder, relation: 'parent', object: document },
    };
  },
};

const PEOPLE = 3;
const MOST_REFUSALS = 10;

export type Access = {
  readonly person: string;
  readonly token: string;
  readonly document: string;
  /** In the document's text alone. */
  readonly word: string;
  /** Of a document that this person may read all the time: an answer without it shows nothing. */
  readonly control: { readonly document: string; readonly word: string };
  readonly revoked: Tuple;
};

export type Revocation = {
  readonly through: 'POST /v1/relationships' | 'OpenFGA';
  /** Whether the next answer had the document in it. */
  readonly returned: boolean;
  /** How often the next retrieval was refused before it was answered: parts that are too busy. */
  readonly refused: number;
  /** Milliseconds from the request to its acknowledgement. */
  readonly acknowledged: number;
  /** Milliseconds from the acknowledgement to the whole answer of the next retrieval, which starts at once. */
  readonly next: number;
};

/** Documents that some people may read, each in every one of the ways. */
export async function seed(deployment: Deployment, url: string): Promise<readonly Access[]> {
  const writer = await deployment.token('loader', ['ingest']);
  const admin = await deployment.token('admin', ['admin']);
  const all: Access[] = [];
  for (let p = 0; p < PEOPLE; p += 1) {
    const person = `user:p${p}`;
    const token = await deployment.token(`p${p}`);
    const control = { document: `control-${p}`, word: `control${p}x` };
    await put(url, writer, control, [{ user: person, relation: 'viewer' }]);
    for (const [w, way] of Object.values(ways).entries()) {
      const document = { document: `report-${p}-${w}`, word: `report${p}n${w}x` };
      const { fixed, revoked } = way(person, `document:${document.document}`);
      await put(url, writer, document, []);
      await post(url, '/v1/relationships', admin, { writes: [...fixed, revoked] });
      all.push({ person, token, ...document, control, revoked });
    }
  }
  return all;
}

/** Deletes one relationship by `through` and asks at once; then the relationship is written again. */
export async function revoke(
  deployment: Deployment,
  { writeTo, askAt }: { readonly writeTo: string; readonly askAt: string },
  access: Access,
  through: Revocation['through'],
): Promise<Revocation> {
  const admin = await deployment.token('admin', ['admin']);
  const { document, control } = access;
  const before = await insist(() => ask(askAt, access));
  if (!before.result.includes(document))
    throw new Error(`${access.person} does not find ${document} at first`);

  const deletes = [keyOf(access.revoked)];
  const deletion = await insist(() =>
    through === 'OpenFGA'
      ? deployment.openfga.write(deployment.store, { writes: [], deletes }, 'lenient')
      : post(writeTo, '/v1/relationships', admin, { deletes }),
  );
  const acknowledged = performance.now();
  const after = await insist(() => ask(askAt, access));
  const next = performance.now() - acknowledged;

  if (!after.result.includes(control.document))
    throw new Error(`${access.person} lost ${control.document} too`);
  await insist(() => post(writeTo, '/v1/relationships', admin, { writes: [access.revoked] }));
  return {
    through,
    returned: after.result.includes(document),
    refused: after.refused,
    acknowledged: deletion.ms,
    next,
  };
}

/** Until it is not refused; `ms` is what the last attempt took. */
async function insist<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly refused: number; readonly ms: number }> {
  for (let refused = 0; ; refused += 1) {
    const began = performance.now();
    try {
      return { result: await work(), refused, ms: performance.now() - began };
    } catch (error) {
      if (refused === MOST_REFUSALS) throw error;
    }
  }
}

const found = z.object({ results: z.array(z.object({ document_id: z.string() })) });

async function ask(url: string, { token, word, control }: Access): Promise<readonly string[]> {
  const answer = await post(url, '/v1/retrieve', token, { query: `${word} ${control.word}`, k: 5 });
  return found.parse(answer).results.map(({ document_id }) => document_id);
}

async function put(
  url: string,
  token: string,
  { document, word }: { readonly document: string; readonly word: string },
  relationships: readonly { readonly user: string; readonly relation: string }[],
): Promise<void> {
  const text = `What ${word} says is for those who may read it.`;
  await send(`${url}/v1/documents/${document}`, 'PUT', token, { title: document, text, relationships });
}

function post(url: string, path: string, token: string, json: unknown): Promise<unknown> {
  return send(url + path, 'POST', token, json);
}

async function send(url: string, method: string, token: string, json: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(json),
  });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
  return response.json();
}

function keyOf({ user, relation, object }: TupleKey): TupleKey {
  return { user, relation, object };
}

function nameOf(document: string): string {
  return document.slice('document:'.length);
}
