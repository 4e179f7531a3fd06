// A POST that may be repeated, with Express: each Idempotency-Key charges once, on whichever replica it arrives.
// Run two: npm run build && PORT=3001 npx ts-node examples/idempotency-express.ts & PORT=3002 npx ts-node examples/idempotency-express.ts
// Try: curl -i localhost:3001/payments -H 'authorization: Bearer acme' -H 'idempotency-key: "order-17"' --json '{"amount":1200}'
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import express, { type Request } from 'express';
import { createBroker } from 'flowbroker';
import { contextOf, idempotency } from 'flowbroker/idempotency/express';

const env = process.env;
const broker = createBroker({ redis: env['REDIS_URL'] ?? 'redis://localhost:6379' });
const app = express();

// Stands for your authentication. Whose key it is must come from what the caller proved, never from the body.
const tenantOf = (request: Request): string => request.get('authorization') ?? 'nobody';

const options = { scope: tenantOf, leaseMs: Number(env['LEASE_MS'] ?? 15_000) };
const waits = idempotency(broker, options); // a repetition waits for the first answer
const refuses = idempotency(broker, { ...options, type: 'payouts', whilePending: 'conflict' }); // or gets 409 at once

// The payment provider; one that only pretends, unless PROVIDER_URL names another. It takes keys too: ours, which no other tenant has.
async function charge(amount: number, key: string = randomUUID()): Promise<string> {
  console.log(`charging ${String(amount)}`);
  if (env['PROVIDER_URL'] === undefined) return delay(1_000, key);
  const headers = { 'idempotency-key': `"${key}"` };
  const answer = await fetch(env['PROVIDER_URL'], { method: 'POST', headers, body: String(amount) });
  if (!answer.ok) throw new Error(`the provider answered ${String(answer.status)}`);
  return answer.text();
}

async function pay(request: Request, response: express.Response): Promise<void> {
  const { amount } = request.body as { amount: number };
  if (!(amount > 0)) {
    response.status(400).json({ error: 'amount must be positive' }); // kept like any answer below 500
    return;
  }
  // What this throws becomes a 500 that is not kept: the client may repeat with the same key.
  const id = await charge(amount, contextOf(request)?.id);
  response.status(201).location(`/payments/${id}`).json({ id, amount });
}

app.post('/payments', express.json(), waits, pay);
app.post('/payouts', express.json(), refuses, pay);

async function main(): Promise<void> {
  const server = app.listen(Number(env['PORT'] ?? 3000));
  await once(server, 'listening');
  console.log(`listening on ${String((server.address() as AddressInfo).port)}`);
  process.once('SIGTERM', () => {
    server.close();
    void broker.close({ drainMs: 10_000 }); // lets charges finish, and keeps their answers
  });
}

void main();
