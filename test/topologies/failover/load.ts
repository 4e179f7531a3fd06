import { setTimeout as delay } from 'node:timers/promises';
import type { Flows } from '../../../src/index.js';
import { slotOf } from '../../../src/redis/slot.js';

const TICK_MS = 5;
const TIMEOUT_MS = 120_000; // no deadline falls into a trial

/** Milliseconds of the machine's monotonic clock, which all processes share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** One wake: from the call that settled the flow to the moment its waiter was told. Moments as of `now`. */
export interface Wake {
  readonly slot: number;
  readonly from: number;
  readonly told: number;
}

export interface LoadOptions {
  readonly type: string;
  /** How many waits are open all the time. */
  readonly open: number;
  /** How many a second are settled, and as many opened anew. */
  readonly rate: number;
  /** Slots that half of the new flows are to be in; default: none in particular. */
  readonly favoured?: readonly number[];
}

/** What became of it all. */
export interface Outcome {
  readonly wakes: readonly Wake[];
  /** How calls and waits ended that did not end well: codes of errors, and `wrong` for another's value. */
  readonly otherwise: Readonly<Record<string, number>>;
  /** Waits that had not ended long after they were settled. */
  readonly hung: number;
}

interface Waiting {
  readonly id: string;
  readonly slot: number;
  open: boolean;
  settledAt?: number;
  settling: boolean;
}

/** Waits held open by one broker and settled by another at a steady rate, whatever becomes of the servers. */
export class Load {
  readonly #wakes: Wake[] = [];
  readonly #otherwise: Record<string, number> = {};
  readonly #here: Flows<string>;
  readonly #there: Flows<string>;
  readonly #options: LoadOptions;
  readonly #favoured: ReadonlySet<number> | undefined;
  readonly #waiting = new Set<Waiting>();
  #ids = 0;
  #count = 0;
  #running = false;
  #ticking: Promise<void> = Promise.resolve();

  constructor(here: Flows<string>, there: Flows<string>, options: LoadOptions) {
    this.#here = here;
    this.#there = there;
    this.#options = options;
    this.#favoured = options.favoured && new Set(options.favoured);
  }

  /** Resolves when all waits are open and the load runs. */
  async start(): Promise<void> {
    const { open } = this.#options;
    for (let at = 0; at < open; at++) void this.#wait(this.#fresh());
    while ([...this.#waiting].some((waiting) => !waiting.open)) await delay(TICK_MS);
    this.#running = true;
    this.#ticking = this.#tick();
  }

  /** Settles whatever is still waited for. Resolves when every wait has ended, or `patienceMs` later. */
  async finish(patienceMs: number): Promise<Outcome> {
    this.#running = false;
    await this.#ticking;
    const giveUp = now() + patienceMs;
    while (this.#waiting.size > 0 && now() < giveUp) {
      for (const waiting of this.#waiting) if (waiting.open && !waiting.settling) void this.#settle(waiting);
      await delay(TICK_MS);
    }
    return { wakes: this.#wakes, otherwise: this.#otherwise, hung: this.#waiting.size };
  }

  async #tick(): Promise<void> {
    const from = now();
    for (let done = 0; this.#running;) {
      await delay(TICK_MS);
      const due = Math.floor(((now() - from) / 1_000) * this.#options.rate);
      for (; done < due; done++) {
        const oldest = this.#oldest();
        if (oldest) void this.#settle(oldest);
        void this.#wait(this.#fresh());
      }
    }
  }

  #oldest(): Waiting | undefined {
    for (const waiting of this.#waiting) if (waiting.open && !waiting.settling) return waiting;
    return undefined;
  }

  async #wait(waiting: Waiting): Promise<void> {
    const { id, slot } = waiting;
    this.#waiting.add(waiting);
    try {
      const { outcome } = await this.#here.open(id, { timeoutMs: TIMEOUT_MS });
      waiting.open = true;
      const value = await outcome;
      if (value !== id) this.#note('wrong');
      else this.#wakes.push({ slot, from: waiting.settledAt ?? NaN, told: now() });
    } catch (error) {
      this.#note((error as { code?: string }).code ?? String(error));
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  async #settle(waiting: Waiting): Promise<void> {
    const { id } = waiting;
    waiting.settling = true;
    waiting.settledAt ??= now();
    try {
      const { verdict } = await this.#there.complete(id, id);
      if (verdict !== 'applied' && verdict !== 'duplicate') this.#note(`complete: ${verdict}`);
    } catch (error) {
      this.#note(`complete: ${(error as { code?: string }).code ?? String(error)}`);
      waiting.settling = false; // it is still waited for
    }
  }

  #note(how: string): void {
    this.#otherwise[how] = (this.#otherwise[how] ?? 0) + 1;
  }

  #fresh(): Waiting {
    const { type } = this.#options;
    const wanted = this.#count++ % 2 === 0 ? this.#favoured : undefined;
    for (;;) {
      const id = `id-${String(++this.#ids)}`;
      const slot = slotOf(`flow:{${type}:${id}}`);
      if (!wanted || wanted.has(slot)) return { id, slot, open: false, settling: false };
    }
  }
}
