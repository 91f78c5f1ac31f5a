import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Certificate } from './certificates.ts';

/** Somebody in the place of a part, to whom a service that looks at certificates says nothing. */
export type Impostor = {
  readonly by: (socket: Socket) => void;
  /** What it was told in clear, or inside TLS: nothing, if all is well. */
  readonly told: readonly Buffer[];
};

export function httpsImpostor(certificate: Certificate): Impostor {
  const told: Buffer[] = [];
  return { told, by: (socket) => hear(overTls(socket, certificate), told) };
}

/** Postgres starts in clear and asks for TLS; `certificate` absent: whoever answers has none. */
export function postgresImpostor(certificate?: Certificate): Impostor {
  const told: Buffer[] = [];
  return {
    told,
    by(socket) {
      socket.once('data', (request: Buffer) => {
        if (!request.equals(SSL_REQUEST)) {
          told.push(request);
        } else if (certificate === undefined) {
          socket.write('N');
          hear(socket, told);
        } else {
          socket.write('S');
          hear(overTls(socket, certificate), told);
        }
      });
    },
  };
}

/** Length 8, then 80877103: "SSLRequest" of the Postgres protocol. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

function overTls(socket: Socket, certificate: Certificate): TLSSocket {
  return new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(certificate) });
}

function hear(socket: Socket, told: Buffer[]): void {
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => told.push(chunk));
}
