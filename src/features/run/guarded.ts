import { setTimeout as delay } from 'node:timers/promises';
import { describeFlow, FlowOwnerLostError, type FlowName } from '../../errors.js';
import type { FlowLogger, Quorum, QuorumLock } from '../../options.js';
import type { RunHandler } from './plan.js';

// Who contends for the same lock meanwhile does so at another moment.
const AGAIN_MS = 100;
const FIRST_WARNING = 20;

/**
 * The handler behind a lock that most of several independent servers hold: it begins when they grant it, and its signal aborts when they no
 * longer do. The lease decides who is the owner; the lock, that not even a failover that forgot the lease lets two run at once.
 */
export function guarded<T>(
  quorum: Quorum,
  flow: FlowName,
  ttlMs: number,
  handler: RunHandler<T>,
  abort: (error: Error) => void,
  logger: FlowLogger | undefined,
): RunHandler<T> {
  return async (context) => {
    const lock = await acquire(quorum, flow, ttlMs, context.signal, logger);
    const over = new AbortController();
    const kept = keep(lock, ttlMs, over.signal).then((lost) => {
      if (lost)
        abort(new FlowOwnerLostError(`the quorum that guards ${describeFlow(flow)} was lost`, { flow }));
    });
    try {
      context.signal.throwIfAborted();
      return await handler(context);
    } finally {
      over.abort();
      await kept;
      void lock.release();
    }
  };
}

async function acquire(
  quorum: Quorum,
  flow: FlowName,
  ttlMs: number,
  signal: AbortSignal,
  logger: FlowLogger | undefined,
): Promise<QuorumLock> {
  for (let tries = 1; ; tries++) {
    signal.throwIfAborted();
    const lock = await quorum.lock(`flow-quorum:{${flow.type}:${flow.id}}`, ttlMs);
    if (lock && lock.remainingMs > 0) return lock;
    if (tries === FIRST_WARNING)
      logger?.warn({ flow, tries }, 'the quorum does not grant its lock: the handler waits');
    await delay(AGAIN_MS * (0.5 + Math.random()), undefined, { ref: false });
  }
}

/** Extends the lock at a third until told to stop; whether it was lost before. */
async function keep(lock: QuorumLock, ttlMs: number, over: AbortSignal): Promise<boolean> {
  let pause = ttlMs / 3;
  for (;;) {
    await delay(pause, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) return false;
    // An extension that fails is none, however it says so.
    if (await lock.extend(ttlMs).catch(() => false)) pause = ttlMs / 3;
    else if (lock.remainingMs <= 0) return !over.aborted;
    else pause = Math.min(ttlMs / 12, lock.remainingMs);
  }
}
