// A login begun on one replica and finished on another: create, wait, and complete from an HTTP callback.
// Run: npm run build && npx ts-node examples/rendezvous.ts   (Redis at REDIS_URL, or on localhost)
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createBroker } from 'flowbroker';

interface Tokens {
  readonly accessToken: string;
}

interface Login {
  readonly verifier: string;
}

const redis = process.env['REDIS_URL'] ?? 'redis://localhost:6379';

// Two replicas of one service. Here they share a process; in production they share nothing but Redis.
const here = createBroker({ redis });
const there = createBroker({ redis });
const OPTIONS = { timeoutMs: 600_000 };
const begun = here.define<Tokens, Login>('login', OPTIONS);
const finished = there.define<Tokens, Login>('login', OPTIONS);

// The replica that the browser happens to come back to.
const callback = createServer((request, response) => {
  const state = new URL(request.url ?? '/', 'http://localhost').searchParams.get('state') ?? '';
  void (async () => {
    const login = await finished.get(state);
    if (!login) return response.writeHead(404).end('no such login');
    const tokens = { accessToken: `made with ${login.metadata.verifier}` }; // exchange the code here
    const { verdict } = await finished.complete(state, tokens);
    return response.end(verdict); // applied; already_settled for a second visit; late after the deadline
  })().catch((error: unknown) => response.writeHead(500).end(String(error)));
});

async function main(): Promise<void> {
  await once(callback.listen(0, '127.0.0.1'), 'listening');
  const { port } = callback.address() as AddressInfo;

  // The replica that the user talked to. Once create has resolved, any replica can finish the login.
  const state = randomUUID();
  await begun.create(state, { metadata: { verifier: 'a PKCE verifier' } });
  const tokens = begun.wait(state, { timeoutMs: 60_000 });

  // The user logs in, and the browser is sent back to whichever replica.
  const answer = await fetch(`http://127.0.0.1:${String(port)}/callback?state=${state}`);
  console.log('callback:', await answer.text());
  console.log('waiter:', await tokens);

  callback.close();
  await Promise.all([here.close(), there.close()]);
}

void main();
