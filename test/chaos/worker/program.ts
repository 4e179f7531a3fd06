import { setTimeout as delay } from 'node:timers/promises';
import { createBroker, type BrokerOptions } from '../../../src/index.js';
import { BROKER, LONGEST_TIMEOUT_MS, RETENTION, TYPE, type Order, type RunConfig } from '../entries.js';
import { recordConnects } from './connects.js';
import { Recorder } from './recorder.js';
import { sample } from './sample.js';
import { recordScripts } from './scripts.js';
import { plant } from './seeded-bugs.js';
import { Actor, Shared } from './workload.js';

// One process of an application under chaos: it does as it pleases until it is told to stop, and writes down what came of it.
const WIND_UP_AFTER_MS = 300;
const REST_MS = 2_000; // names are not used again, and what closes has closed
const config = JSON.parse(process.argv[2] ?? '{}') as RunConfig;
const recorder = new Recorder(config.file, BigInt(config.zero));

function die(error: unknown): void {
  recorder.write({
    kind: 'fatal',
    at: recorder.now(),
    text: (error as Error | undefined)?.stack ?? String(error),
  });
  recorder.flush();
  process.exit(1);
}
// An 'error' event that nobody hears is thrown, and comes here too.
process.on('uncaughtException', die);
process.on('unhandledRejection', die);

if (config.seededBug !== undefined) plant(config.seededBug);
recordScripts(recorder);
recordConnects(recorder);

const broker = createBroker({ ...BROKER, redis: config.redis as BrokerOptions['redis'] });
const flows = broker.define<string>(TYPE, { timeoutMs: LONGEST_TIMEOUT_MS, retentionMs: RETENTION });

async function play(untilNs: number): Promise<void> {
  const shared = new Shared(config.index);
  const actors = Array.from(
    { length: config.actors },
    (_none, index) => new Actor(flows, recorder, config, shared, index),
  );
  const acting = Promise.all(actors.map((actor) => actor.act(untilNs)));
  await delay((untilNs - recorder.now()) / 1e6 + WIND_UP_AFTER_MS);
  await actors[0]?.windUp();
  await acting;
  await actors[0]?.windUp();
}

function wroteAll(): void {
  const { missedWakes, reconnects } = broker.stats();
  recorder.write({ kind: 'ended', at: recorder.now(), missedWakes, reconnects });
}

async function end(): Promise<void> {
  await broker.close();
  wroteAll();
  recorder.close();
  process.removeAllListeners('message');
  process.disconnect(); // from here on nothing but the library could keep this process alive
}

async function obey(order: Order): Promise<void> {
  if ('end' in order) return end();
  await play(order.untilNs);
  if (order.next === undefined) return end();
  wroteAll();
  recorder.turnTo(order.next);
  await delay(REST_MS);
  process.send?.(sample(recorder.now()));
}

process.on('message', (order: Order) => {
  obey(order).catch(die);
});
process.send?.('ready');
