// A request that needs a person's yes: open it, ask, and await the outcome, whichever way it ends.
// Run: npm run build && npx ts-node examples/approval.ts   (Redis at REDIS_URL, or on localhost)
import { randomUUID } from 'node:crypto';
import { createBroker, FlowError } from 'flowbroker';

interface Approval {
  readonly by: string;
}

interface Order {
  readonly amount: number;
}

const broker = createBroker({ redis: process.env['REDIS_URL'] ?? 'redis://localhost:6379' });
const approvals = broker.define<Approval, Order>('approval', { timeoutMs: 86_400_000 });

/** What asks. One round trip: when open resolves, the flow is durable and this process listens. */
async function ask(id: string, order: Order, timeoutMs?: number): Promise<string> {
  const { outcome } = await approvals.open(id, { metadata: order, timeoutMs });
  void decide(id); // mail it, post it to a channel, …: the answer may come from any process, any day
  try {
    const { by } = await outcome;
    return `approved by ${by}`;
  } catch (error) {
    if (!(error instanceof FlowError)) throw error;
    switch (error.code) {
      case 'ERR_FLOW_FAILED':
        return `refused: ${(error.cause as Error).message}`;
      case 'ERR_FLOW_CANCELED':
        return 'withdrawn';
      case 'ERR_FLOW_TIMED_OUT':
        return 'nobody answered in time';
      default:
        throw error; // Redis unreachable, the broker closed, …: no answer at all
    }
  }
}

/** What answers: a webhook, a button in a chat. It needs the id and nothing else. */
async function decide(id: string): Promise<void> {
  const request = await approvals.get(id);
  if (!request) return;
  const { amount } = request.metadata;
  if (amount < 0) await approvals.cancel(id, 'the order was withdrawn');
  else if (amount < 1_000) await approvals.complete(id, { by: 'ada' });
  else if (amount < 10_000) await approvals.fail(id, new Error('over budget'));
}

async function main(): Promise<void> {
  console.log('120:', await ask(randomUUID(), { amount: 120 }));
  console.log('5000:', await ask(randomUUID(), { amount: 5_000 }));
  console.log('-1:', await ask(randomUUID(), { amount: -1 }));
  console.log('90000:', await ask(randomUUID(), { amount: 90_000 }, 300));
  await broker.close();
}

void main();
