import { createBroker, type Broker } from 'flowbroker';

export interface Approval {
  readonly by: string;
}

export interface Order {
  readonly amount: number;
}

export interface Report {
  readonly name: string;
  readonly run: number;
}

// A dev server evaluates this file anew after each edit, and `next build` evaluates it without a Redis. So the broker is made on first use, and
// kept where an edit does not reach: one for each process.
const kept = globalThis as typeof globalThis & { flowbroker?: Broker };

function broker(): Broker {
  return (kept.flowbroker ??= start());
}

function start(): Broker {
  const { REDIS_URL = 'redis://localhost:6379', FLOW_PREFIX } = process.env;
  const made = createBroker({ redis: REDIS_URL, prefix: FLOW_PREFIX });
  // Runs may finish, waits end with 503; Next.js itself waits for the requests that are left.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void made.close({ drainMs: 5_000 }));
  }
  return made;
}

// Defining costs nothing, and doing so at each call lets an edited option count at once.
export const approvals = () => broker().define<Approval, Order>('approval', { timeoutMs: 3_600_000 });
export const reports = () => broker().define<Report>('report', { retentionMs: 60_000 });
