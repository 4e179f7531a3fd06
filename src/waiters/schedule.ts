/** Something that is due at a moment of `performance.now()`. `slot` is the schedule's own. */
export interface Due {
  at: number;
  slot: number;
  due(now: number): void;
}

const LONGEST_TIMER_MS = 2_000_000_000;

/** Any number of moments with one timer: a binary heap in which each entry knows its slot, so that it can leave at once. */
export class Schedule {
  readonly #heap: Due[] = [];
  #timer: NodeJS.Timeout | undefined;
  #armedFor = Infinity;
  #closed = false;

  get size(): number {
    return this.#heap.length;
  }

  /** Adds the entry, or moves it if it is there. */
  set(entry: Due, at: number): void {
    if (this.#closed) return;
    entry.at = at;
    if (entry.slot < 0) {
      entry.slot = this.#heap.length;
      this.#heap.push(entry);
    }
    this.#up(entry);
    this.#down(entry);
    if (at < this.#armedFor && this.#heap[0] === entry) this.#arm();
  }

  remove(entry: Due): void {
    if (entry.slot < 0) return;
    const last = this.#heap.pop();
    if (last && last !== entry) {
      this.#place(last, entry.slot);
      this.#up(last);
      this.#down(last);
    }
    entry.slot = -1;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const entry of this.#heap) entry.slot = -1;
    this.#heap.length = 0;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const first = this.#heap[0];
    this.#armedFor = first?.at ?? Infinity;
    if (!first) return;
    const delay = Math.min(Math.max(first.at - performance.now(), 0), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => {
      this.#run();
    }, Math.ceil(delay)).unref();
  }

  #run(): void {
    const now = performance.now();
    this.#armedFor = Infinity;
    for (let first = this.#heap[0]; first && first.at <= now; first = this.#heap[0]) {
      this.remove(first);
      first.due(now);
    }
    this.#arm();
  }

  #place(entry: Due, slot: number): void {
    this.#heap[slot] = entry;
    entry.slot = slot;
  }

  #up(entry: Due): void {
    while (entry.slot > 0) {
      const above = this.#heap[(entry.slot - 1) >> 1];
      if (!above || above.at <= entry.at) return;
      this.#swap(entry, above);
    }
  }

  #down(entry: Due): void {
    for (;;) {
      const left = this.#heap[entry.slot * 2 + 1];
      const right = this.#heap[entry.slot * 2 + 2];
      const least = right && left && right.at < left.at ? right : left;
      if (!least || entry.at <= least.at) return;
      this.#swap(entry, least);
    }
  }

  #swap(one: Due, other: Due): void {
    const slot = one.slot;
    this.#place(one, other.slot);
    this.#place(other, slot);
  }
}
