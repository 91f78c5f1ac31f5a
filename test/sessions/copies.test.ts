import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Deployment, deploy } from '../crash/deployment.ts';
import { type Served, serve } from '../support/cli.ts';
import { realParts } from '../support/real-parts.ts';
import { type Listening, listen } from './listen.ts';

const PATIENCE = { timeout: 15_000, interval: 50 };

describe.skipIf(realParts() === undefined)('a session at two copies of the service, on real parts', () => {
  let deployment: Deployment;
  let copies: readonly Served[];
  let admin: string;
  const streams: Listening[] = [];

  beforeAll(async () => {
    deployment = await deploy();
    const copy = () => serve(deployment.config.dataDir, deployment.env);
    copies = await Promise.all([copy(), copy()]);
    admin = await deployment.token('admin', ['admin']);
    const writer = await deployment.token('loader', ['ingest']);
    for (const id of ['here', 'there', 'stays']) {
      await send(0, 'PUT', `/v1/documents/${id}`, writer, {
        title: id,
        text: `The harbour plan, ${id}.`,
        relationships: [{ user: 'user:anne', relation: 'viewer' }],
      });
    }
  }, 120_000);
  afterAll(async () => {
    for (const stream of streams) stream.stop();
    for (const copy of copies ?? []) copy.kill('SIGKILL');
    await deployment?.close();
  });

  async function send(at: number, method: string, path: string, token: string, json: unknown) {
    const response = await fetch(`${copies[at]?.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(json),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  it('hears what was deleted through the other copy, directly in OpenFGA, and that it was revoked', {
    timeout: 90_000,
  }, async () => {
    const anne = await deployment.token('anne');
    // A machine that does much else may publish late.
    const session = await vi.waitFor(async () => {
      const { body } = await send(0, 'POST', '/v1/retrieve', anne, { query: 'harbour' });
      expect(body.results).toHaveLength(3);
      return String(body.session_id);
    }, PATIENCE);
    const stream = await listen(copies[0]?.url ?? '', session, anne);
    streams.push(stream);
    /** What was said, that is said again left out. */
    const said = () =>
      stream.events
        .map(({ event, data }) => [event, data])
        .filter((each, at, all) => JSON.stringify(each) !== JSON.stringify(all[at - 1]));
    const says = (...events: unknown[]) => vi.waitFor(() => expect(said()).toEqual(events), PATIENCE);
    const viewer = (id: string) => ({ user: 'user:anne', relation: 'viewer', object: `document:${id}` });
    const drop = (...ids: string[]) => [
      'drop',
      { documents: ids.map((document_id) => ({ document_id, version: 1 })) },
    ];
    await says(['confirmed', {}]);

    const deleted = await send(1, 'POST', '/v1/relationships', admin, { deletes: [viewer('there')] });
    expect(deleted.status).toBe(200);
    await says(['confirmed', {}], drop('there'));
    await deployment.openfga.write(deployment.store, { writes: [], deletes: [viewer('here')] }, 'lenient');
    await says(['confirmed', {}], drop('there'), drop('here', 'there'));

    const revoked = await send(1, 'POST', '/v1/revocations', admin, { kind: 'person', user: 'user:anne' });
    expect(revoked.status).toBe(200);
    for (const at of [0, 1]) {
      expect((await send(at, 'POST', '/v1/retrieve', anne, { query: 'harbour' })).status).toBe(401);
    }
    await says(['confirmed', {}], drop('there'), drop('here', 'there'), ['ended', { reason: 'revoked' }]);
  });
});
