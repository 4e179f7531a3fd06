import type { Due } from '../../waiters/schedule.js';
import { onAbort } from '../../waiters/signals.js';
import type { Waiters } from '../../waiters/waiters.js';

/**
 * Those of this process who wait for the same lease, first come, first served. Only the first of a line asks Redis: a release wakes one
 * try in each process, however many wait there.
 */
export class Turns {
  readonly #waiters: Waiters;
  readonly #lines = new Map<string, Contender[]>();
  #count = 0;

  constructor(waiters: Waiters) {
    this.#waiters = waiters;
  }

  /** How many stand behind the first of their line. */
  get count(): number {
    return this.#count;
  }

  /**
   * Resolves with whether it is the caller's turn, who then must call `leave`: at once if nobody is before it, false when `waitMs` passed.
   * Rejects with the signal's reason.
   */
  async take(line: string, signal: AbortSignal | undefined, waitMs: number): Promise<boolean> {
    const contenders = this.#lines.get(line);
    if (!contenders) {
      this.#lines.set(line, []);
      return true;
    }
    const contender = new Contender(signal);
    contenders.push(contender);
    this.#count++;
    this.#waiters.schedule(contender, waitMs);
    try {
      return await contender.turn;
    } finally {
      this.#count--;
      this.#waiters.unschedule(contender);
      const at = contenders.indexOf(contender);
      if (at >= 0) contenders.splice(at, 1);
    }
  }

  /** The turn is over: the next begins. */
  leave(line: string): void {
    const contenders = this.#lines.get(line);
    while (contenders && contenders.length > 0) if (contenders.shift()?.begin() === true) return;
    this.#lines.delete(line);
  }
}

class Contender implements Due {
  at = 0;
  slot = -1;
  readonly turn: Promise<boolean>;
  readonly #signal: AbortSignal | undefined;
  #resolve: (turn: boolean) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #gone = false;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.turn = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (signal) onAbort(signal, this);
  }

  /** False if it is gone already. */
  begin(): boolean {
    if (this.#gone) return false;
    this.#end(true);
    return true;
  }

  due(): void {
    this.#end(false);
  }

  /** The signal aborted. */
  handleEvent(): void {
    this.#reject(this.#signal?.reason);
    this.#end(false);
  }

  #end(turn: boolean): void {
    this.#gone = true;
    this.#signal?.removeEventListener('abort', this);
    this.#resolve(turn);
  }
}
