import type { Timed } from './deadlines.js';

const SWEEP_AT = 1_024;

/** What waits for a connection, for as long as it has time. */
export class Held {
  #calls: { readonly timed: Timed; readonly go: () => void }[] = [];
  #sweepAt = SWEEP_AT;

  get size(): number {
    return this.#calls.length;
  }

  add(timed: Timed, go: () => void): void {
    // An outage may last: what timed out is let go of.
    if (this.#calls.length >= this.#sweepAt) {
      this.#calls = this.#calls.filter((call) => !call.timed.done);
      this.#sweepAt = Math.max(SWEEP_AT, this.#calls.length * 2);
    }
    this.#calls.push({ timed, go });
  }

  /** The connection is there: all go that still have time. */
  release(): void {
    const calls = this.#calls;
    this.clear();
    for (const { timed, go } of calls) if (!timed.done) go();
  }

  clear(): void {
    this.#calls = [];
    this.#sweepAt = SWEEP_AT;
  }
}
