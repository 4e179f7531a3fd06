import { setTimeout as delay } from 'node:timers/promises';
import { FlowUnavailableError } from '../errors.js';
import type { Line } from './line.js';
import { isPassing } from './recovery.js';
import type { Topology } from './topology.js';

const AGAIN_MS = 100;

/** How many replicas are to confirm, and how long they may take. */
export interface Confirmation {
  readonly minReplicas: number;
  readonly replicaTimeoutMs: number;
}

/** A reply, and how many replicas have what it tells of. */
export interface Confirmed<T> {
  readonly reply: T;
  readonly replicas: number;
}

/**
 * Runs something for a key, and then WAIT on the same connection, which counts the replicas that have all that was written before. A
 * connection that was lost in between would count for another master: then both are repeated.
 */
export async function confirmed<T>(
  topology: Topology,
  key: string,
  { minReplicas, replicaTimeoutMs }: Confirmation,
  timeoutMs: number,
  run: (line: Line) => Promise<T>,
): Promise<Confirmed<T>> {
  const until = performance.now() + timeoutMs + replicaTimeoutMs;
  let last: unknown;
  while (performance.now() < until) {
    try {
      const line = topology.confirming(key);
      const reply = await run(line);
      const over = new AbortController();
      const replicas = await Promise.race([
        line.post((redis) => redis.wait(minReplicas, replicaTimeoutMs)),
        delay(timeoutMs + replicaTimeoutMs, 'late' as const, { signal: over.signal, ref: false }),
      ]).finally(() => {
        over.abort();
      });
      if (replicas === 'late') break;
      return { reply, replicas: replicas };
    } catch (error) {
      const cause = (error as Error).cause;
      last = cause instanceof Error ? cause : error;
      if (!isPassing(last as Error)) throw error;
      await delay(AGAIN_MS);
    }
  }
  throw new FlowUnavailableError('Redis did not say in time how many replicas confirmed', { cause: last });
}
