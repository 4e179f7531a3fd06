// What a broker tells about itself: counts, an event for each thing that happens, and a log. Never a payload.
// Run: npm run build && npx ts-node examples/diagnostics.ts   (Redis at REDIS_URL, or on localhost)
import { randomUUID } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import { createBroker, type FlowDiagnostic } from 'flowbroker';
import { pino } from 'pino';

// Subscribe once at start, and feed your metrics. The message is only built where somebody listens.
const HAPPENINGS = ['transition', 'wake', 'missed-wake', 'poll', 'reread', 'takeover', 'reconnect'];
for (const happening of HAPPENINGS) {
  subscribe(`flowbroker:${happening}`, (message) => {
    const { broker: _broker, flow, ...details } = message as FlowDiagnostic;
    console.log(happening, flow?.type ?? '', details);
  });
}

// Any pino logger; each component logs through a child of it.
const logger = pino({ level: 'debug' });
const broker = createBroker({ redis: process.env['REDIS_URL'] ?? 'redis://localhost:6379', logger });
const orders = broker.define<string>('order');

async function main(): Promise<void> {
  const id = randomUUID();
  const { outcome } = await orders.open(id);

  // What there is now, for a gauge.
  const { waiters, subscriptions, handlers } = broker.stats();
  console.log('stats', { waiters, subscriptions, handlers });

  await delay(200); // meanwhile, somewhere else, …
  await orders.complete(id, 'shipped');
  await outcome;
  // What happened so far, for a rate; `listening` is for an alert: false while wake-ups do not arrive, and waits are polled.
  const { transitions, wakes, missedWakes, polls, listening } = broker.stats();
  console.log('stats', { transitions, wakes, missedWakes, polls, listening });

  await broker.close();
}

void main();
