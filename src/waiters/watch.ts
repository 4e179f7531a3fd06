import type { FlowName } from '../errors.js';
import { Crowd } from './crowd.js';
import type { Ending } from './ending.js';
import type { Due } from './schedule.js';

/** One wait. It follows the flow whose origin it first saw. */
export interface Waiter {
  /** Undefined until its own first read answered; till then it takes nothing from others' reads. */
  origin: number | undefined;
  /** Server time of that first read. */
  boundAt: number;
  /** Ends with `lapsed` when the owner's lease is over: this one could take over. */
  readonly followsLease: boolean;
  end(ending: Ending): void;
}

/** Why a flow is read again. */
export type Cause =
  'message' | 'deadline' | 'lease' | 'hint' | 'restored' | 'poll' | 'sweep' | 'large' | 'retry';

/** One flow that is waited for here: its waiters, and when to look at it next. */
export class Watch implements Due {
  readonly flow: FlowName;
  readonly channel: string;
  readonly waiters = new Crowd<Waiter>();
  /** How many of the waiters could take the flow over. */
  followers = 0;
  at = 0;
  slot = -1;
  /** Local moments of the flow's deadline, the end of its lease, and the next slow look. */
  deadline = Infinity;
  lease = Infinity;
  sweep = Infinity;
  /** When to repeat a read that failed. */
  retry = Infinity;
  /** When to give up on a read that was asked how a flow past its deadline ended. */
  giveUp = Infinity;
  /** When to start listening for keyspace hints; Infinity when that is done, or not wanted. */
  hintFrom = Infinity;
  hintChannel: string | undefined;
  reading = false;
  /** Something happened during a read: it must be read once more. */
  again: Cause | undefined;
  /** Something was said before a waiter's first read answered. */
  heard = false;
  readonly #due: (watch: Watch, now: number) => void;

  constructor(flow: FlowName, channel: string, due: (watch: Watch, now: number) => void) {
    this.flow = flow;
    this.channel = channel;
    this.#due = due;
  }

  join(waiter: Waiter): void {
    this.waiters.add(waiter);
    if (waiter.followsLease) this.followers++;
  }

  /** Whether it was one of those who wait. */
  leave(waiter: Waiter): boolean {
    if (!this.waiters.delete(waiter)) return false;
    if (waiter.followsLease) this.followers--;
    return true;
  }

  due(now: number): void {
    this.#due(this, now);
  }

  get next(): number {
    return Math.min(this.deadline, this.lease, this.sweep, this.retry, this.hintFrom, this.giveUp);
  }
}
