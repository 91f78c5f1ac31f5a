import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Listening, listen } from '../sessions/listen.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { openParts, type Parts } from '../support/parts.ts';

const ready = async () => ({ pendingSteps: 0, oldestSeconds: 0 });

let parts: Parts;
let http: Http;
let ingest: string;
let open: Socket[];

beforeAll(async () => {
  parts = await openParts();
  http = await serveHttp({ ...parts, ready });
  ingest = await parts.token('loader', { scopes: ['ingest'], source: 'wiki' });
});
afterAll(async () => {
  await http.close();
  await parts.close();
});
beforeEach(() => {
  open = [];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
  for (const socket of open) socket.destroy();
});

/** Sends a head and the beginning of a body, and no more. */
async function begin(method: string, path: string, type = 'application/json'): Promise<Socket> {
  const { hostname, port } = new URL(http.url);
  const socket = connect(Number(port), hostname);
  open.push(socket);
  await once(socket, 'connect');
  socket.write(
    `${method} ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 100\r\n\r\n{"a":`,
  );
  // Until the service has seen it.
  await sleep(100);
  return socket;
}
const isOpen = async (socket: Socket) => {
  await sleep(100);
  return !socket.closed && !socket.readableEnded;
};

describe('a body that does not come', () => {
  it.each([
    ['POST', '/v1/retrieve'],
    ['PUT', '/v1/documents/slow'],
    ['POST', '/v1/relationships'],
    ['POST', '/v1/revocations'],
  ])('is waited for half a minute: %s %s', async (method, path) => {
    const socket = await begin(method, path);
    socket.resume();
    vi.advanceTimersByTime(29_000);
    expect(await isOpen(socket)).toBe(true);
    vi.advanceTimersByTime(2_000);
    expect(await isOpen(socket)).toBe(false);
  });

  it('of an import without a token, too', async () => {
    const socket = await begin('POST', '/v1/documents/import', 'application/x-ndjson');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 401/);
    socket.resume();
    vi.advanceTimersByTime(31_000);
    expect(await isOpen(socket)).toBe(false);
  });

  it('is not what a stream of a session waits for', async () => {
    const token = await parts.token('anne');
    const { body } = await http.send('POST', '/v1/sessions', { token });
    const stream: Listening = await listen(http.url, String(body['session_id']), token);
    vi.advanceTimersByTime(31_000);
    await sleep(100);
    expect(stream.ended()).toBe(false);
    stream.stop();
  });

  it('leaves no timer behind where it came', async () => {
    const before = vi.getTimerCount();
    const token = await parts.token('anne');
    for (let i = 0; i < 5; i += 1) {
      await http.send('POST', '/v1/sessions', { token, json: {} });
      await http.send('GET', '/v1/documents/none', { token });
    }
    await sleep(100);
    expect(vi.getTimerCount()).toBeLessThan(before + 5);
  });
});

describe('an import', () => {
  const line = (id: string) => `${JSON.stringify({ id, title: 'T', text: 'Text.' })}\n`;

  it('lasts for as long as something comes, and ends with a word once nothing does', async () => {
    const outgoing = request(`${http.url}/v1/documents/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ingest}`, 'content-type': 'application/x-ndjson' },
    });
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    outgoing.on('error', () => {});
    let said = '';
    outgoing.write(line('first'));
    const [response] = await answered;
    response.on('data', (part: Buffer) => (said += part.toString()));
    const ended = Promise.all([once(response, 'end'), once(response.socket, 'close')]);
    const says = async (text: string) => {
      for (let i = 0; i < 100 && !said.includes(text); i += 1) await sleep(50);
      expect(said).toContain(text);
    };
    for (const id of ['second', 'third']) {
      vi.advanceTimersByTime(59_000);
      outgoing.write(line(id));
      await says(id);
    }
    vi.advanceTimersByTime(61_000);
    await says('The import ended early');
    expect(said).toContain('"invalid_request"');
    await ended;
    expect(said.trim().split('\n')).toHaveLength(4);
    outgoing.destroy();
  });
});
