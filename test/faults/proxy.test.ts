import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type AnswerProxy, openAnswerProxy } from '../support/fault-proxy/answers.ts';
import { newAuthority } from '../support/fault-proxy/certificates.ts';
import { httpsImpostor, postgresImpostor } from '../support/fault-proxy/impostor.ts';
import { openWire, type Wire } from '../support/fault-proxy/wire.ts';

/** Answers a word with itself, twice. */
let echo: Server;
let site: HttpServer;
let wire: Wire;
const authority = newAuthority();
const certificate = authority.issue('127.0.0.1');

const portOf = (server: Server) => (server.address() as AddressInfo).port;

beforeAll(async () => {
  echo = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (word) => socket.write(`${String(word)}${String(word)}`));
  }).listen(0, '127.0.0.1');
  site = createHttpServer((incoming, outgoing) => {
    void text(incoming).then((body) => outgoing.end(JSON.stringify({ path: incoming.url, body })));
  }).listen(0, '127.0.0.1');
  await Promise.all([once(echo, 'listening'), once(site, 'listening')]);
});
afterAll(() => {
  echo.close();
  site.close();
});

beforeEach(async () => {
  wire = await openWire({ host: '127.0.0.1', port: portOf(echo) });
});
afterEach(() => wire.close());

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
async function said(socket: Socket, word: string): Promise<string> {
  socket.write(word);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}
const ending = async (socket: Socket): Promise<unknown> => {
  const [error] = await Promise.race([once(socket, 'error'), once(socket, 'end')]).catch((e: unknown) => [e]);
  return (error as NodeJS.ErrnoException | undefined)?.code;
};

it('carries', async () => {
  expect(await said(await dial(wire.port), 'ab')).toBe('abab');
});

it('refuses, also what was connected, until it is healed', async () => {
  const before = await dial(wire.port);
  expect(await said(before, 'ab')).toBe('abab');
  const reset = ending(before);
  await wire.fail({ kind: 'refused' });
  expect(await reset).toBe('ECONNRESET');
  await expect(dial(wire.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await wire.heal();
  expect(await said(await dial(wire.port), 'ab')).toBe('abab');
});

it('resets after half an answer', async () => {
  const socket = await dial(wire.port);
  await wire.fail({ kind: 'reset' });
  const reset = ending(socket);
  expect(await said(socket, 'abcd')).toBe('abcd');
  expect(await reset).toBe('ECONNRESET');
});

it.each([{ kind: 'silent' } as const, { kind: 'late', ms: 600_000 } as const])(
  'holds everything back while it is $kind',
  async (fault) => {
    const socket = await dial(wire.port);
    await wire.fail(fault);
    const answer = said(socket, 'ab');
    const other = said(await dial(wire.port), 'cd');
    expect(
      await Promise.race([answer, other, new Promise((resolve) => setTimeout(resolve, 50, 'none'))]),
    ).toBe('none');
    await wire.heal();
    expect(await answer).toBe('abab');
    expect(await other).toBe('cdcd');
  },
);

it('hands new connections to an impostor, to whom who looks at certificates says nothing', async () => {
  const ask = async (rejectUnauthorized: boolean, ca?: string) => {
    const outgoing = request({
      port: wire.port,
      host: '127.0.0.1',
      rejectUnauthorized,
      agent: false,
      ...(ca ? { ca } : {}),
    });
    const failed = once(outgoing, 'error');
    outgoing.setHeader('authorization', 'Bearer key');
    outgoing.end();
    setTimeout(() => outgoing.destroy(), rejectUnauthorized ? 5_000 : 100);
    const [error] = (await failed.catch((e: unknown) => [e])) as [NodeJS.ErrnoException];
    return error.code;
  };
  const stranger = httpsImpostor(newAuthority().issue('127.0.0.1'));
  await wire.fail({ kind: 'taken over', by: stranger.by });
  expect(await ask(true, authority.ca)).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED|CERT_SIGNATURE_FAILURE/);
  expect(stranger.told).toEqual([]);
  const elsewhere = httpsImpostor(authority.issue('elsewhere.example'));
  await wire.fail({ kind: 'taken over', by: elsewhere.by });
  expect(await ask(true, authority.ca)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  expect(elsewhere.told).toEqual([]);
  // Who doesn't look tells it the key.
  await ask(false);
  expect(Buffer.concat(elsewhere.told).toString()).toContain('Bearer key');
});

it('stands in for a Postgres, to which who does not look at certificates says who it is', async () => {
  const impostor = postgresImpostor(newAuthority().issue('127.0.0.1'));
  await wire.fail({ kind: 'taken over', by: impostor.by });
  const client = new pg.Client(`postgres://somebody@127.0.0.1:${wire.port}/database?sslmode=no-verify`);
  client.on('error', () => {});
  const connecting = client.connect().catch(() => {});
  while (impostor.told.length === 0) await sleep(5);
  expect(Buffer.concat(impostor.told).toString()).toContain('somebody');
  await wire.heal();
  await connecting;
});

it('stands in for a Postgres without TLS', async () => {
  const impostor = postgresImpostor();
  await wire.fail({ kind: 'taken over', by: impostor.by });
  const socket = await dial(wire.port);
  socket.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
  expect(String(((await once(socket, 'data')) as [Buffer])[0])).toBe('N');
  expect(impostor.told).toEqual([]);
});

it('changes what is asked and what is answered', async () => {
  const proxy: AnswerProxy = await openAnswerProxy(new URL(`http://127.0.0.1:${portOf(site)}`), certificate);
  const post = async (body: string) => {
    const outgoing = request({
      port: proxy.port,
      host: '127.0.0.1',
      path: '/a',
      method: 'POST',
      ca: authority.ca,
      agent: false,
    });
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [
      Parameters<typeof text>[0] & { statusCode: number },
    ];
    return { status: response.statusCode, text: await text(response) };
  };
  const plain = { status: 200, text: '{"path":"/a","body":"x"}' };
  const exchanges: string[] = [];
  proxy.watch((asked, answered) => exchanges.push(`${asked.path} ${asked.body} ${answered.status}`));
  try {
    expect(await post('x')).toEqual(plain);
    proxy.set({ ask: (asked) => ({ ...asked, path: '/b' }) });
    expect(await post('x')).toEqual({ status: 200, text: '{"path":"/b","body":"x"}' });
    proxy.set({ answer: () => ({ status: 503, headers: {}, body: 'no' }) });
    expect(await post('x')).toEqual({ status: 503, text: 'no' });
    proxy.set({ instead: { status: 429, headers: {}, body: 'no' } });
    expect(await post('x')).toEqual({ status: 429, text: 'no' });
    proxy.set({ cut: true });
    await expect(post('x')).rejects.toMatchObject({ code: 'ECONNRESET' });
    proxy.set(undefined);
    expect(await post('x')).toEqual(plain);
    expect(exchanges).toEqual(['/a x 200', '/b x 200', '/a x 200', '/a x 429', '/a x 200', '/a x 200']);
  } finally {
    await proxy.close();
  }
});
