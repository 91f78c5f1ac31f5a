import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  closeStatementMessage,
  fatalMessage,
  MessageReader,
  openingOf,
  prefixStatement,
  queryMessage,
  readyState,
  syncMessage,
} from './wire.ts';

/** Runs protocol messages in the one backend session and hands their output over in pieces. */
export type Backend = (messages: Uint8Array, onOutput: (piece: Uint8Array) => void) => Promise<void>;

type Client = {
  /** Keeps its prepared statements apart from those of the others. */
  readonly prefix: string;
  readonly statements: Set<string>;
  readonly socket: Socket;
  readonly reader: MessageReader;
  /** Messages since the last Sync, simple query or Flush. */
  pending: Buffer[];
};

type Batch = {
  /** Absent for the store's own. */
  readonly client: Client | undefined;
  readonly messages: Buffer;
  /** False for a Flush: the client is then in the middle of an exchange. */
  readonly complete: boolean;
};

/** PostgreSQL's own way out of a client that keeps a transaction open, which PGlite lacks. */
const IDLE_IN_TRANSACTION_MS = 60_000;
const ADMIN_SHUTDOWN = '57P01';
const IDLE_IN_TRANSACTION = '25P03';
const PROTOCOL_VIOLATION = '08P01';

/**
 * Lets many clients share PGlite's one backend session.
 *
 * The unit of work is everything up to a Sync or a simple query, run without another client in between;
 * a client that is in a transaction, or in the middle of an exchange, has the session to itself until it
 * is done. So transactions run one after another, isolated from each other. When a client vanishes, its
 * exchange is ended and its transaction rolled back. (`@electric-sql/pglite-socket` 0.2.17 queues single
 * messages instead: a client that vanishes after a failed Parse makes the next client's query answer with
 * no rows and no error, and one exception in PGlite stops its queue for good.)
 *
 * What clients still share, since PostgreSQL keeps it for each session: a `SET` without `LOCAL`, temporary
 * tables, statements of SQL's own PREPARE, LISTEN, and session-level advisory locks, which exclude nobody
 * here. Use `SET LOCAL` and `pg_advisory_xact_lock`. Cancel requests and
 * `statement_timeout` do nothing.
 */
export class SessionServer {
  readonly #backend: Backend;
  readonly #greeting: Buffer;
  readonly #onBroken: (error: unknown) => void;
  readonly #server: Server;
  readonly #clients = new Set<Client>();
  #accepted = 0;
  #queue: Batch[] = [];
  #holder: Client | undefined;
  #idle: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #closing = false;

  /** `greeting` is what the backend answers a start-up message; `onBroken` is told when the session is lost. */
  constructor(backend: Backend, greeting: Buffer, onBroken: (error: unknown) => void) {
    this.#backend = backend;
    this.#greeting = greeting;
    this.#onBroken = onBroken;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(path: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen(path, resolve);
    await promise;
  }

  /** Runs a statement of the store's own between those of the clients, outside of their transactions. */
  run(sql: string): void {
    const messages = queryMessage(sql);
    if (this.#queue.some((batch) => batch.messages.equals(messages))) return;
    this.#queue.push({ client: undefined, messages, complete: true });
    this.#pump();
  }

  /** Finishes the batch at hand, refuses the others, and removes the socket. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#idle);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#queue = [];
    await this.#work;
    for (const client of this.#clients) dismiss(client, ADMIN_SHUTDOWN, 'the store is stopping');
    await promise;
  }

  #accept(socket: Socket): void {
    this.#accepted += 1;
    const client: Client = {
      prefix: `${this.#accepted}_`,
      statements: new Set(),
      socket,
      reader: new MessageReader(),
      pending: [],
    };
    this.#clients.add(client);
    socket.on('data', (chunk) => this.#receive(client, chunk));
    // 'close' follows every error, and says all there is to do.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#forget(client));
  }

  #receive(client: Client, chunk: Buffer): void {
    client.reader.push(chunk);
    try {
      for (let message = client.reader.next(); message; message = client.reader.next()) {
        if (client.reader.started) this.#take(client, message);
        else this.#open(client, message);
      }
    } catch (error) {
      dismiss(client, PROTOCOL_VIOLATION, error instanceof Error ? error.message : String(error));
    }
    this.#pump();
  }

  #open(client: Client, message: Buffer): void {
    switch (openingOf(message)) {
      case 'encryption':
        client.socket.write('N');
        return;
      case 'start':
        client.reader.started = true;
        client.socket.write(this.#greeting);
        return;
      case 'other':
        client.socket.destroy();
    }
  }

  #take(client: Client, message: Buffer): void {
    const type = String.fromCharCode(message[0] ?? 0);
    if (type === 'X') {
      client.socket.end();
      return;
    }
    const renamed = prefixStatement(message, client.prefix);
    if (renamed.name) client.statements.add(renamed.name);
    client.pending.push(renamed.message);
    if (type !== 'S' && type !== 'Q' && type !== 'H') return;
    this.#queue.push({ client, messages: Buffer.concat(client.pending), complete: type !== 'H' });
    client.pending = [];
  }

  #pump(): void {
    this.#work ??= this.#run()
      .catch(this.#onBroken)
      .finally(() => {
        this.#work = undefined;
      });
  }

  async #run(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#releaseVanished();
    for (let batch = this.#next(); batch && !this.#closing; batch = this.#next()) {
      const state = await this.#execute(batch.messages, batch.complete, batch.client?.socket);
      this.#holder = batch.complete && state === 'I' ? undefined : batch.client;
      await this.#releaseVanished();
      // Lets the sockets and the owner be heard between two queries.
      await nextTurn();
    }
    if (this.#holder && !this.#closing) this.#limitIdle(this.#holder);
  }

  #next(): Batch | undefined {
    const holder = this.#holder;
    const index = holder ? this.#queue.findIndex((batch) => batch.client === holder) : 0;
    return index < 0 ? undefined : this.#queue.splice(index, 1)[0];
  }

  async #execute(messages: Buffer, complete: boolean, socket?: Socket): Promise<string | undefined> {
    const pieces: Buffer[] = [];
    // A copy: the piece is a view of PGlite's memory.
    await this.#backend(messages, (piece) => pieces.push(Buffer.from(piece)));
    const output = Buffer.concat(pieces);
    const state = readyState(output);
    if (complete && !state) throw new Error('the database stopped in the middle of a query');
    if (socket?.writable) socket.write(output);
    return state;
  }

  /** Ends the exchange and the transaction of a holder that is gone. */
  async #releaseVanished(): Promise<void> {
    if (!this.#holder || this.#clients.has(this.#holder)) return;
    await this.#execute(syncMessage, true);
    await this.#execute(queryMessage('ROLLBACK'), true);
    this.#holder = undefined;
  }

  /** Ends a client that holds the session, does nothing with it, and keeps others waiting. */
  #limitIdle(holder: Client): void {
    this.#idle = setTimeout(() => {
      if (!this.#queue.some((batch) => batch.client)) this.#limitIdle(holder);
      else dismiss(holder, IDLE_IN_TRANSACTION, 'a transaction was left open while others waited');
    }, IDLE_IN_TRANSACTION_MS);
  }

  #forget(client: Client): void {
    this.#clients.delete(client);
    this.#queue = this.#queue.filter((batch) => batch.client !== client);
    if (client.statements.size > 0) {
      const messages = Buffer.concat([...[...client.statements].map(closeStatementMessage), syncMessage]);
      this.#queue.push({ client: undefined, messages, complete: true });
    }
    this.#pump();
  }
}

function dismiss(client: Client, code: string, reason: string): void {
  client.socket.write(fatalMessage(code, reason));
  client.socket.destroySoon();
}
