import type { ReadVerdict, Reply } from '../contract/replies.js';
import type { FlowName } from '../errors.js';
import type { Cause, Watch } from './watch.js';

/** What re-reads need of whoever waits. */
export interface RereadEvents {
  /** Who answers for this flow: one that does not answer holds up nobody else's. */
  laneOf(watch: Watch): string;
  read(flow: FlowName): Promise<Reply<ReadVerdict>>;
  observed(watch: Watch, reply: Reply<ReadVerdict>, cause: Cause): void;
  failed(watch: Watch, error: Error): void;
}

// A window, not a rate: a slow server is asked slower, and a hundred processes that reconnect at once cannot drown it.
const WINDOW = 256;

// Thousands at once would hold up what else this process is told meanwhile: so many in one turn of its event loop.
const TURN = 32;

// A server that answered so lately answers still.
const FRESH_MS = 500;

interface Lane {
  readonly queue: Map<Watch, Cause>;
  underWay: number;
  /** How many were sent in this turn of the event loop, and whether its end is awaited. */
  turn: number;
  turning: boolean;
  answeredAt: number;
}

/** Re-reads of flows that are waited for: each at most once at a time, a bounded number under way with each server. */
export class Rereads {
  readonly #events: RereadEvents;
  readonly #lanes = new Map<string, Lane>();
  #idle: (() => void)[] = [];

  constructor(events: RereadEvents) {
    this.#events = events;
  }

  request(watch: Watch, cause: Cause): void {
    if (watch.reading) {
      watch.again = cause;
      return;
    }
    const lane = this.#laneOf(watch);
    if (!lane.queue.has(watch)) lane.queue.set(watch, cause);
    this.#pump(lane);
  }

  drop(watch: Watch): void {
    for (const lane of this.#lanes.values()) lane.queue.delete(watch);
  }

  /** Whether its turn will come: it waits behind others, which are being answered. */
  promised(watch: Watch): boolean {
    for (const lane of this.#lanes.values()) {
      const asked = watch.reading || lane.queue.has(watch);
      if (asked && performance.now() - lane.answeredAt < FRESH_MS) return true;
    }
    return false;
  }

  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  get #busy(): boolean {
    for (const { underWay, queue } of this.#lanes.values()) if (underWay > 0 || queue.size > 0) return true;
    return false;
  }

  #laneOf(watch: Watch): Lane {
    const name = this.#events.laneOf(watch);
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = { queue: new Map(), underWay: 0, turn: 0, turning: false, answeredAt: -Infinity };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #pump(lane: Lane): void {
    for (const [watch, cause] of lane.queue) {
      if (lane.underWay >= WINDOW || lane.turn >= TURN) return;
      lane.queue.delete(watch);
      lane.underWay++;
      lane.turn++;
      this.#turn(lane);
      void this.#read(lane, watch, cause);
    }
    if (this.#idle.length > 0 && !this.#busy) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #turn(lane: Lane): void {
    if (lane.turning) return;
    lane.turning = true;
    setImmediate(() => {
      lane.turning = false;
      lane.turn = 0;
      this.#pump(lane);
    });
  }

  #repeat(watch: Watch): void {
    if (watch.again && watch.waiters.size > 0) this.request(watch, watch.again);
  }

  async #read(lane: Lane, watch: Watch, cause: Cause): Promise<void> {
    watch.reading = true;
    watch.again = undefined;
    try {
      const reply = await this.#events.read(watch.flow);
      watch.reading = false;
      lane.answeredAt = performance.now();
      this.#events.observed(watch, reply, cause);
    } catch (error) {
      watch.reading = false;
      this.#events.failed(watch, error as Error);
    }
    lane.underWay--;
    this.#repeat(watch);
    this.#pump(lane);
  }
}
