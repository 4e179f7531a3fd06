// A POST that may be repeated, with Hono: each Idempotency-Key charges once, on whichever replica it arrives.
// Run two: npm run build && PORT=3001 npx ts-node examples/idempotency-hono.ts & PORT=3002 npx ts-node examples/idempotency-hono.ts
// Try: curl -i localhost:3001/payments -H 'authorization: Bearer acme' -H 'idempotency-key: "order-17"' --json '{"amount":1200}'
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { createBroker } from 'flowbroker';
import { contextOf, idempotency } from 'flowbroker/idempotency/hono';
import { Hono, type Context } from 'hono';

const env = process.env;
const broker = createBroker({ redis: env['REDIS_URL'] ?? 'redis://localhost:6379' });
const app = new Hono();

// Stands for your authentication. Whose key it is must come from what the caller proved, never from the body.
const tenantOf = (c: Context): string => c.req.header('authorization') ?? 'nobody';

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

async function pay(c: Context): Promise<Response> {
  const { amount } = await c.req.json<{ amount: number }>();
  if (!(amount > 0)) return c.json({ error: 'amount must be positive' }, 400); // kept like any answer below 500
  const id = await charge(amount, contextOf(c)?.id);
  return c.json({ id, amount }, 201, { location: `/payments/${id}` });
}

app.post('/payments', waits, pay);
app.post('/payouts', refuses, pay);

const server = serve({ fetch: app.fetch, port: Number(env['PORT'] ?? 3000) }, ({ port }) => {
  console.log(`listening on ${String(port)}`);
});
process.once('SIGTERM', () => {
  server.close();
  void broker.close({ drainMs: 10_000 }); // lets charges finish, and keeps their answers
});
