// Framing and the few messages of the PostgreSQL protocol 3 that the session server reads or writes itself:
// https://www.postgresql.org/docs/18/protocol-message-formats.html

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const PROTOCOL_3 = 196_608;
/** Bytes; above the largest body the service takes, far below PGlite's memory. */
const MAX_MESSAGE = 256 * 1024 * 1024;

export const USER = 'postgres';
export const DATABASE = 'postgres';

export type Opening = 'encryption' | 'start' | 'other';

/** What a connection's opening message, the only kind without a type byte, asks for. */
export function openingOf(message: Buffer): Opening {
  const code = message.readInt32BE(4);
  if (code === SSL_REQUEST || code === GSS_REQUEST) return 'encryption';
  return code === PROTOCOL_3 ? 'start' : 'other';
}

/** Cuts a stream of bytes into messages. */
export class MessageReader {
  /** Until the client has started, messages have no type byte. */
  started = false;
  #chunks: Buffer[] = [];
  #size = 0;
  #wanted = 8;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next whole message; throws where the stream is not the protocol's. */
  next(): Buffer | undefined {
    const header = this.started ? 5 : 8;
    if (this.#size < Math.max(header, this.#wanted)) return undefined;
    const all = this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks);
    const type = this.started ? 1 : 0;
    const length = all.readInt32BE(type);
    if (length < header - type || length > MAX_MESSAGE) throw new Error(`a message of ${length} bytes`);
    const total = type + length;
    if (all.length < total) {
      this.#chunks = [all];
      this.#wanted = total;
      return undefined;
    }
    const rest = all.subarray(total);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#size = rest.length;
    this.#wanted = 0;
    return all.subarray(0, total);
  }
}

function messageOf(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`);

export const queryMessage = (sql: string): Buffer => messageOf('Q', text(sql));
export const syncMessage = messageOf('S');

/** A start-up message for the only user and database there are. */
export function startupMessage(): Buffer {
  const body = Buffer.concat([...['user', USER, 'database', DATABASE].map(text), Buffer.from([0])]);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + body.length);
  head.writeInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, body]);
}

export const closeStatementMessage = (name: string): Buffer => messageOf('C', text(`S${name}`));

/** Where the name of a prepared statement begins in a message that has one. */
function statementNameAt(message: Buffer): number | undefined {
  switch (String.fromCharCode(message[0] ?? 0)) {
    case 'P':
      return 5;
    case 'B':
      return message.indexOf(0, 5) + 1;
    case 'D':
    case 'C':
      return message.toString('latin1', 5, 6) === 'S' ? 6 : undefined;
    default:
      return undefined;
  }
}

/** The message with `prefix` before the name of its prepared statement, and that name; unnamed ones stay. */
export function prefixStatement(message: Buffer, prefix: string): { message: Buffer; name?: string } {
  const at = statementNameAt(message);
  if (at === undefined || !message[at]) return { message };
  const rest = message.subarray(at);
  const name = prefix + rest.toString('utf8', 0, rest.indexOf(0));
  const type = message.toString('latin1', 0, 1);
  return { message: messageOf(type, message.subarray(5, at), Buffer.from(prefix), rest), name };
}

/** An ErrorResponse that ends the connection. */
export function fatalMessage(code: string, reason: string): Buffer {
  const fields = [`SFATAL`, `VFATAL`, `C${code}`, `M${reason}`].map(text);
  return messageOf('E', ...fields, Buffer.from([0]));
}

/** The state in a final ReadyForQuery: idle, in a transaction, or in a failed one. */
export function readyState(output: Buffer | undefined): 'I' | 'T' | 'E' | undefined {
  if (!output || output.length < 6) return undefined;
  const end = output.subarray(-6);
  const state = String.fromCharCode(end[5] ?? 0);
  if (end.toString('latin1', 0, 5) !== 'Z\0\0\0\x05') return undefined;
  return state === 'I' || state === 'T' || state === 'E' ? state : undefined;
}
