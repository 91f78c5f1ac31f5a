import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Linux gives outgoing connections ports from 32768 on: one below stays free for a part that is down and comes back on
 * its port.
 */
const FIRST = 15_000;
const END = 32_768;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return port;
    } catch {
      // Taken: another.
    } finally {
      server.close();
    }
  }
}
