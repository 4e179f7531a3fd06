import type { Reply } from '../contract/replies.js';
import { describeFlow, FlowWaitTimeoutError, type FlowName } from '../errors.js';
import type { Line } from '../redis/line.js';
import type { Ending } from './ending.js';
import type { Due } from './schedule.js';
import type { Waiter } from './watch.js';
import type { Waiters } from './waiters.js';

/** What limits one wait besides the flow itself. */
export interface FollowOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  readonly followsLease?: boolean;
}

/** A wait under way: bound to a flow by its first call, ended by whatever comes first. */
export interface Following<R> {
  /** What the first call answered. Rejects as it does, or when the wait ended before. */
  readonly bound: Promise<R>;
  /** Never rejects: an abort or timeout is an ending of kind `error`. */
  readonly ending: Promise<Ending>;
  /** The flow that is followed, once bound. */
  readonly origin: number | undefined;
  /** Ends it from here. */
  stop(error: Error): void;
}

/** Replies on the listening connection stay small: Redis cuts off a listener that is far behind. */
export const LISTENING_REPLY_LIMIT = 65_536;

/** Registers, subscribes and makes the first call; see {@link Waiters.begin}. */
export function follow<R extends Reply<string>>(
  waiters: Waiters,
  flow: FlowName,
  options: FollowOptions,
  first: (line: Line) => Promise<R>,
): Following<R> {
  const { signal, timeoutMs } = options;
  let end: (ending: Ending) => void = () => undefined;
  const ending = new Promise<Ending>((resolve) => {
    end = resolve;
  });
  let due: Due | undefined;
  const stop = (error: Error): void => {
    waiters.leave(flow, waiter);
    waiter.end({ kind: 'error', error });
  };
  const onAbort = (): void => {
    stop(signal?.reason as Error);
  };
  const waiter: Waiter = {
    origin: undefined,
    boundAt: 0,
    followsLease: options.followsLease === true,
    end(how) {
      if (due) waiters.forget(due);
      signal?.removeEventListener('abort', onAbort);
      end(how);
    },
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  if (timeoutMs !== undefined) {
    due = waiters.at(timeoutMs, () => {
      stop(
        new FlowWaitTimeoutError(`waited ${String(timeoutMs)} ms for ${describeFlow(flow)}; it goes on`, {
          flow,
        }),
      );
    });
  }
  const begun = waiters.begin(flow, waiter, first);
  begun.catch((error: unknown) => {
    waiter.end({ kind: 'error', error: error as Error });
  });
  return {
    bound: signal || timeoutMs !== undefined ? untilEnded(begun, ending) : begun,
    ending,
    get origin() {
      return waiter.origin;
    },
    stop,
  };
}

function untilEnded<R>(begun: Promise<R>, ending: Promise<Ending>): Promise<R> {
  return new Promise((resolve, reject) => {
    begun.then(resolve, reject);
    void ending.then((how) => {
      // A settled flow answers through `begun` as well, in the same tick or the next.
      if (how.kind === 'error') setImmediate(reject, how.error);
    });
  });
}
