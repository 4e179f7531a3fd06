// A POST that may be repeated, with Fastify: each Idempotency-Key charges once, on whichever replica it arrives.
// Run two: npm run build && PORT=3001 npx ts-node examples/idempotency-fastify.ts & PORT=3002 npx ts-node examples/idempotency-fastify.ts
// Try: curl -i localhost:3001/payments -H 'authorization: Bearer acme' -H 'idempotency-key: "order-17"' --json '{"amount":1200}'
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { fastify, type FastifyReply, type FastifyRequest } from 'fastify';
import { createBroker } from 'flowbroker';
import { contextOf, idempotency } from 'flowbroker/idempotency/fastify';

const env = process.env;
const broker = createBroker({ redis: env['REDIS_URL'] ?? 'redis://localhost:6379' });
const app = fastify();

// Stands for your authentication. Whose key it is must come from what the caller proved, never from the body.
const tenantOf = (request: FastifyRequest): string => request.headers.authorization ?? 'nobody';

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

async function pay(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { amount } = request.body as { amount: number };
  // What this throws becomes a 500 that is not kept: the client may repeat with the same key.
  const id = await charge(amount, contextOf(request)?.id);
  return reply.code(201).header('location', `/payments/${id}`).send({ id, amount });
}

// Validation comes before: a body that it refuses uses up no key.
const amount = { type: 'integer', minimum: 1 };
const schema = { body: { type: 'object', required: ['amount'], properties: { amount } } };
app.post('/payments', { schema, preHandler: waits }, pay);
app.post('/payouts', { schema, preHandler: refuses }, pay);

async function main(): Promise<void> {
  const address = await app.listen({ port: Number(env['PORT'] ?? 3000) });
  console.log(`listening on ${new URL(address).port}`);
  process.once('SIGTERM', () => {
    void app.close();
    void broker.close({ drainMs: 10_000 }); // lets charges finish, and keeps their answers
  });
}

void main();
