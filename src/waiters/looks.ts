import type { StoredRecord } from '../contract/replies.js';
import { Schedule } from './schedule.js';
import { type Watch, type Cause } from './watch.js';

/** What looking after a watch can lead to. */
export interface LookEvents {
  reread: (watch: Watch, cause: Cause) => void;
  /** The deadline passed, and Redis was not yet asked how the flow ended: gives up, unless it will be. */
  giveUp: (watch: Watch) => boolean;
  followHints: (watch: Watch) => void;
}

const HINT_AFTER_MS = 1_000; // a wait that lasts is worth a second subscription
const AFTER_MS = 5; // a deadline or lease is over a moment after it is, whatever the clocks round
const RETRY_MS = 1_000;
const AGAIN_MS = 200;
const GRACE_MS = 750; // what a read of a flow past its deadline may take before its waiters give up

/** When to look at each watch next: at its deadline, at the end of its owner's lease, and now and then in between. */
export class Looks {
  readonly schedule = new Schedule();
  readonly #rereadMs: number;
  readonly #events: LookEvents;

  constructor(rereadMs: number, events: LookEvents) {
    this.#rereadMs = rereadMs;
    this.#events = events;
  }

  /** Plans by what the record says; instants of the server's clock count from the server's `now`. */
  plan(watch: Watch, record: StoredRecord, now: number): void {
    const local = performance.now();
    // What is past has been looked at: who still waits then has no answer of its own yet, and asking again changes nothing.
    const after = (instant: number): number => (instant > now ? local + instant - now + AFTER_MS : Infinity);
    watch.deadline = after(record.deadlineAt);
    watch.lease =
      record.leaseUntil !== undefined && watch.followers > 0 ? after(record.leaseUntil) : Infinity;
    watch.sweep = local + this.#sweepIn();
    watch.giveUp = Infinity;
    watch.retry = Infinity;
    this.schedule.set(watch, watch.next);
  }

  /** Begins to follow the hints of a wait that lasts, if they are wanted. */
  hint(watch: Watch, wanted: boolean): void {
    if (!wanted || watch.hintFrom !== Infinity) return;
    watch.hintFrom = performance.now() + HINT_AFTER_MS;
    if (watch.slot >= 0) this.schedule.set(watch, watch.next);
  }

  /** A read failed: whatever it was for, it is repeated soon. */
  retry(watch: Watch): void {
    watch.retry = performance.now() + RETRY_MS * (0.75 + Math.random() / 2);
    this.schedule.set(watch, watch.next);
  }

  readonly due = (watch: Watch, now: number): void => {
    if (watch.giveUp <= now) {
      if (this.#events.giveUp(watch)) return;
      watch.giveUp = now + AGAIN_MS;
    }
    if (watch.hintFrom <= now) this.#events.followHints(watch);
    const cause = causeOf(watch, now);
    if (cause) this.#events.reread(watch, cause);
    if (cause === 'deadline') {
      watch.deadline = Infinity;
      watch.giveUp = now + GRACE_MS;
    }
    if (watch.retry <= now) watch.retry = Infinity;
    if (watch.lease <= now) watch.lease = now + GRACE_MS;
    if (watch.sweep <= now) watch.sweep = now + this.#sweepIn();
    this.schedule.set(watch, watch.next);
  };

  #sweepIn(): number {
    return this.#rereadMs * (0.75 + Math.random() / 2);
  }
}

function causeOf(watch: Watch, now: number): Cause | undefined {
  if (watch.deadline <= now) return 'deadline';
  if (watch.lease <= now) return 'lease';
  if (watch.retry <= now) return 'retry';
  return watch.sweep <= now ? 'sweep' : undefined;
}
