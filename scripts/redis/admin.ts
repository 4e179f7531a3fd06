import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';

const EVERY_MS = 20;

/** A connection for one thing after another, which gives up at once rather than retry. */
export function adminOf(port: number): Redis {
  const admin = new Redis({
    port,
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
    disconnectTimeout: 100,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableReadyCheck: false,
    // A Sentinel and an old server answer alike.
    ...{ protocol: 2 },
  });
  admin.on('error', () => undefined);
  return admin;
}

/** Asks the server on a loopback port one thing, over a connection of its own. */
export async function ask(port: number, ...words: [string, ...(string | number)[]]): Promise<unknown> {
  const admin = adminOf(port);
  try {
    const [name, ...rest] = words;
    return await admin.call(name, ...rest);
  } finally {
    admin.disconnect();
  }
}

/** Resolves when the condition holds; a condition that throws does not hold yet. Rejects when it does not within `limitMs`. */
export async function eventually(
  what: string,
  limitMs: number,
  holds: () => Promise<boolean>,
): Promise<void> {
  const giveUp = performance.now() + limitMs;
  let why: unknown;
  for (;;) {
    try {
      if (await holds()) return;
    } catch (error) {
      why = error;
    }
    if (performance.now() > giveUp)
      throw new Error(`not within ${String(limitMs)} ms: ${what}`, { cause: why });
    await delay(EVERY_MS);
  }
}

const EPOCH_MS = 20_000;

/**
 * Resolves when the nodes of a Cluster know of the same epoch. A node that claims a slot without knowing the latest is contradicted by the
 * others: then its old and its new owner each name the other, for good.
 */
export async function oneEpoch(ports: readonly number[]): Promise<void> {
  await eventually('one epoch for all', EPOCH_MS, async () => {
    const infos = await Promise.all(ports.map((port) => ask(port, 'CLUSTER', 'INFO')));
    return new Set(infos.map((info) => /current_epoch:(\d+)/.exec(String(info))?.[1])).size === 1;
  });
}
