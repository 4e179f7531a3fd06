import { setTimeout as sleep } from 'node:timers/promises';
import { Running } from '../running.js';
import type { WatchedServer } from '../watched-server.js';
import { inTurn, type Sample } from './context.js';

const BEAT = ['publish', 'ping'];
const SCRIPTS = ['evalsha', 'eval'];
const BACK_WITHIN_MS = 60_000;

/** A hundred thousand idle waiters in one process: what they hold, what they send, and how they get over a cut connection. */
export const idle = inTurn(async (entry, { server, quick, label }) => {
  const samples: Sample[] = [];
  const count = quick ? 10_000 : 100_000;
  const seconds = quick ? 5 : 75; // the slow re-read comes about once a minute
  const sample = (figure: string, unit: string, value: number): void =>
    void samples.push({ work: 'idle', contender: entry.name, figure, unit, at: count, value });
  const waiter = await Running.start(entry, server.url, 'waiter');
  try {
    await waiter.ask('hold', { label, count });
    const before = await waiter.ask('usage', {});
    sample('RSS of the process', 'MB', before.rss / 1e6);
    const sent = await server.sentDuring(() => sleep(seconds * 1_000));
    const after = await waiter.ask('usage', {});
    const sum = (names: readonly string[]): number => names.reduce((all, name) => all + (sent[name] ?? 0), 0);
    const all = Object.values(sent).reduce((total, one) => total + one, 0);
    sample('heartbeat', 'commands/s', sum(BEAT) / seconds);
    sample('paced re-read', 'commands/s', sum(SCRIPTS) / seconds);
    sample('flows re-read', '/s', (after.rereads - before.rereads) / seconds);
    sample('other commands', '', all - sum(BEAT) - sum(SCRIPTS));
    sample('client CPU of idling', '%', (after.cpuUs - before.cpuUs) / seconds / 1e4);

    const from = (await waiter.ask('usage', {})).rereads;
    const cutAt = performance.now();
    await server.cut();
    sample('resubscribed after a cut', 'ms', (await resubscribed(server, count)) - cutAt);
    sample('re-read after a cut', 'ms', (await reread(waiter, from + count)) - cutAt);
  } finally {
    await waiter.stop();
  }
  return samples;
});

async function resubscribed(server: WatchedServer, count: number): Promise<number> {
  const giveUp = performance.now() + BACK_WITHIN_MS;
  for (;;) {
    const { channels } = await server.snapshot();
    if (channels >= count || performance.now() > giveUp) return performance.now();
    await sleep(10);
  }
}

async function reread(waiter: Running, wanted: number): Promise<number> {
  const giveUp = performance.now() + BACK_WITHIN_MS;
  for (;;) {
    const { rereads } = await waiter.ask('usage', {});
    if (rereads >= wanted || performance.now() > giveUp) return performance.now();
    await sleep(10);
  }
}
