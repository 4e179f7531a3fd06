import type { ReadVerdict, Reply } from '../contract/replies.js';
import type { FlowName } from '../errors.js';
import type { Cause, Watch } from './watch.js';

/** What re-reads need of whoever waits. */
export interface RereadEvents {
  read(flow: FlowName): Promise<Reply<ReadVerdict>>;
  observed(watch: Watch, reply: Reply<ReadVerdict>, cause: Cause): void;
  failed(watch: Watch, error: Error): void;
}

// A window, not a rate: a slow server is asked slower, and a hundred processes that reconnect at once cannot drown it.
const WINDOW = 256;

// A server that answered so lately answers still.
const FRESH_MS = 500;

/** Re-reads of flows that are waited for: each at most once at a time, a bounded number under way. */
export class Rereads {
  readonly #events: RereadEvents;
  readonly #queue = new Map<Watch, Cause>();
  #underWay = 0;
  #answeredAt = -Infinity;
  #idle: (() => void)[] = [];

  constructor(events: RereadEvents) {
    this.#events = events;
  }

  request(watch: Watch, cause: Cause): void {
    if (watch.reading) {
      watch.again = cause;
      return;
    }
    if (!this.#queue.has(watch)) this.#queue.set(watch, cause);
    this.#pump();
  }

  drop(watch: Watch): void {
    this.#queue.delete(watch);
  }

  /** Whether its turn will come: it waits behind others, which are being answered. */
  promised(watch: Watch): boolean {
    const asked = watch.reading || this.#queue.has(watch);
    return asked && performance.now() - this.#answeredAt < FRESH_MS;
  }

  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void> {
    if (this.#underWay === 0 && this.#queue.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    for (const [watch, cause] of this.#queue) {
      if (this.#underWay >= WINDOW) return;
      this.#queue.delete(watch);
      this.#underWay++;
      void this.#read(watch, cause);
    }
    if (this.#underWay === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #repeat(watch: Watch): void {
    if (watch.again && watch.waiters.size > 0) this.request(watch, watch.again);
  }

  async #read(watch: Watch, cause: Cause): Promise<void> {
    watch.reading = true;
    watch.again = undefined;
    try {
      const reply = await this.#events.read(watch.flow);
      watch.reading = false;
      this.#answeredAt = performance.now();
      this.#events.observed(watch, reply, cause);
    } catch (error) {
      watch.reading = false;
      this.#events.failed(watch, error as Error);
    }
    this.#underWay--;
    this.#repeat(watch);
    this.#pump();
  }
}
