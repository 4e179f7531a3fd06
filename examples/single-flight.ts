// Fifty callers on two replicas need new tokens; one refreshes for all. Then the API refuses those tokens, and one refreshes again.
// Run: npm run build && npx ts-node examples/single-flight.ts   (Redis at REDIS_URL, or on localhost)
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { createBroker, type RunResult } from 'flowbroker';

interface Tokens {
  readonly accessToken: string;
  readonly expiresAt: number;
}

const redis = process.env['REDIS_URL'] ?? 'redis://localhost:6379';
const user = randomUUID();
let posts = 0;

// Stands for the token endpoint, which takes a refresh token once. Pass the signal on to fetch.
async function refresh(_signal: AbortSignal): Promise<Tokens> {
  const accessToken = `token ${String(++posts)}`;
  await delay(200);
  return { accessToken, expiresAt: Date.now() + 3_600_000 };
}

// Two replicas. Here they share a process; in production they share nothing but Redis.
const brokers = [createBroker({ redis }), createBroker({ redis })];
const replicas = brokers.map((broker) =>
  broker.define<Tokens>('refresh', {
    freshUntil: (tokens) => tokens.expiresAt, // a stored result serves later callers until then …
    minFreshMs: 30_000, // … less half a minute
    maxAttempts: 1, // a refresh token must not be sent twice: if its owner dies, all get ERR_FLOW_OWNER_LOST
  }),
);

/** Twenty-five callers on each replica, all at once. */
function everybody(rejectFence?: number): Promise<RunResult<Tokens>[]> {
  const callers = replicas.flatMap((replica) => Array.from({ length: 25 }, () => replica));
  return Promise.all(
    callers.map((replica) => replica.runFenced(user, ({ signal }) => refresh(signal), { rejectFence })),
  );
}

async function main(): Promise<void> {
  const report = (what: string, results: RunResult<Tokens>[]): void => {
    const answers = new Set(results.map(({ result }) => result.accessToken));
    console.log(
      `${what}: ${String(results.length)} callers got`,
      [...answers],
      `${String(posts)} POST(s) so far`,
    );
  };
  const first = await everybody();
  report('first', first);
  report('later', await everybody()); // stored, and still fresh

  // The API answered 401 to that very token: all who were refused share one new attempt.
  report('refused', await everybody(first[0]?.fence));
  await Promise.all(brokers.map((broker) => broker.close()));
}

void main();
