import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../scripts/parts/free-port.ts';

/** What befalls the connections, old ones and new ones. */
export type WireFault =
  /** Nobody listens, and what was connected is reset. */
  | { readonly kind: 'refused' }
  /** Half of the next answer, then a reset. */
  | { readonly kind: 'reset' }
  /** Accepted, and nothing is carried until it is healed: then everything, late. */
  | { readonly kind: 'silent' }
  /** Every piece of an answer comes this much later. */
  | { readonly kind: 'late'; readonly ms: number }
  /** Somebody else answers each new connection. */
  | { readonly kind: 'taken over'; readonly by: (socket: Socket) => void };

/** A TCP proxy whose connections can be made to fail, and healed, while they are in use. */
export type Wire = {
  readonly port: number;
  fail(fault: WireFault): Promise<void>;
  heal(): Promise<void>;
  close(): Promise<void>;
};

export async function openWire(target: { readonly host: string; readonly port: number }): Promise<Wire> {
  let fault: WireFault | undefined;
  let healed = new AbortController();
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    return socket.once('close', () => sockets.delete(socket)).setNoDelay();
  };

  const question = async (chunk: Buffer): Promise<Buffer> => {
    if (fault?.kind === 'silent') await aborted(healed.signal);
    return chunk;
  };
  const answer = async (chunk: Buffer, client: Socket): Promise<Buffer> => {
    if (fault?.kind === 'silent') await aborted(healed.signal);
    if (fault?.kind === 'late') {
      await sleep(fault.ms, undefined, { signal: healed.signal }).catch(() => {});
    }
    if (fault?.kind !== 'reset') return chunk;
    const { promise: sent, resolve } = Promise.withResolvers<void>();
    client.write(chunk.subarray(0, Math.floor(chunk.length / 2)), () => resolve());
    await sent;
    client.resetAndDestroy();
    throw new Error('reset');
  };

  const server = createServer((client) => {
    keep(client);
    if (fault?.kind === 'taken over') {
      fault.by(client);
      return;
    }
    const upstream = keep(connect(target));
    void carry(client, upstream, question);
    void carry(upstream, client, (chunk) => answer(chunk, client));
  });
  const port = await freePort();
  await listen(server, port);

  const dropAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port,
    async fail(next) {
      fault = next;
      if (next.kind !== 'refused' && next.kind !== 'taken over') return;
      const closed = next.kind === 'refused' ? close(server) : undefined;
      dropAll();
      await closed;
    },
    async heal() {
      const before = fault;
      fault = undefined;
      healed.abort();
      healed = new AbortController();
      if (before?.kind === 'taken over') dropAll();
      if (before?.kind === 'refused') await listen(server, port);
    },
    async close() {
      healed.abort();
      const closed = server.listening ? close(server) : undefined;
      dropAll();
      await closed;
    },
  };
}

async function carry(from: Socket, to: Socket, pass: (chunk: Buffer) => Promise<Buffer>): Promise<void> {
  try {
    for await (const chunk of from) to.write(await pass(chunk as Buffer));
    to.end();
  } catch {
    // Broken on one side is broken on both; what is under way still goes out.
    to.destroySoon();
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (!signal.aborted) await promise;
}

function listen(server: Server, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).listen(port, '127.0.0.1', () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
}

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  await promise;
}
