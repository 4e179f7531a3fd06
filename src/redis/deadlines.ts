/** Something that must end in time. Whoever ends it first sets `done`. */
export interface Timed {
  done: boolean;
  /** When its time is up, of `performance.now()`; set when it is added. */
  at: number;
  expire(): void;
}

const KEEP_DONE = 256;

/** The same time limit for many short things, with one timer for all: they expire in the order they were added. */
export class Deadlines {
  readonly #limitMs: number;
  #queue: Timed[] = [];
  #head = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  add(timed: Timed): void {
    timed.at = performance.now() + this.#limitMs;
    // Most are done long before their time: what stays queued would keep their callers' promises alive.
    while (this.#queue[this.#head]?.done) this.#head++;
    if (this.#head >= KEEP_DONE) this.#compact();
    this.#queue.push(timed);
    this.#timer ??= this.#arm(this.#limitMs);
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    while (this.#queue[this.#head]?.done) this.#head++;
    return this.#head >= this.#queue.length;
  }

  /** How long ago the first of those under way was added, in ms; 0 when none is. */
  get oldestMs(): number {
    for (let at = this.#head; at < this.#queue.length; at++) {
      const timed = this.#queue[at];
      if (timed && !timed.done) return performance.now() - timed.at + this.#limitMs;
    }
    return 0;
  }

  /** What was added so long ago or longer expires now. */
  expireOlder(ms: number): void {
    clearTimeout(this.#timer);
    this.#look(performance.now() + this.#limitMs - ms);
  }

  /** What is still under way when everything ends expires now. */
  expireAll(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rest = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    for (const timed of rest) expire(timed);
  }

  #arm(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#look();
    }, ms).unref();
  }

  #look(until = performance.now()): void {
    for (
      let first = this.#queue[this.#head];
      first && (first.done || first.at <= until);
      first = this.#queue[this.#head]
    ) {
      this.#head++;
      expire(first);
    }
    this.#compact();
    const next = this.#queue[0];
    this.#timer = next ? this.#arm(next.at - performance.now()) : undefined;
  }

  #compact(): void {
    this.#queue = this.#queue.slice(this.#head);
    this.#head = 0;
  }
}

function expire(timed: Timed): void {
  if (timed.done) return;
  timed.done = true;
  timed.expire();
}
