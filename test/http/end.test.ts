import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveHttp } from '../support/http.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await openTestService();
});
afterAll(() => service.close());

describe('the end of the service does not wait for a connection', () => {
  // Where it does, that takes longer than a test may.
  it('that was opened and has asked for nothing yet', async () => {
    const door = await serveHttp(service);
    const { hostname, port } = new URL(door.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    await once(socket, 'connect');
    // Its turn comes after that of the one above.
    await door.send('GET', '/healthz');
    const left = once(socket, 'close');
    await door.close();
    await left;
    expect(socket.destroyed).toBe(true);
  });
});
