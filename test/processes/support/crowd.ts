import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import { FlowError, type Flows } from '../../../src/index.js';

/** How many flows ended how, and when the last did. A flow's right answer is its own id. */
export interface Tally {
  readonly ended: number;
  readonly right: number;
  readonly wrong: number;
  readonly codes: Record<string, number>;
  /** Date.now() of the last ending. */
  readonly lastAt: number;
  /** The most that an ending came after its flow's deadline; negative if all came before. */
  readonly lateMs: number;
  /** The longest that this process itself kept its timers waiting. */
  readonly lagMs: number;
}

const UNDER_WAY = 256;

/** Many flows at once, for a process that is remote-controlled: only sums go to whoever asks. */
export class Crowd {
  readonly #flows: Flows;
  readonly #url: string;
  readonly #codes: Record<string, number> = {};
  readonly #lag = monitorEventLoopDelay({ resolution: 10 });
  #ended = 0;
  #right = 0;
  #wrong = 0;
  #lastAt = 0;
  #lateMs = -Infinity;
  #reached: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(flows: Flows, url: string) {
    this.#flows = flows;
    this.#url = url;
  }

  /** Opens the flows `<name>-<from>` up to `to`; resolves when all are durable and waited for. */
  async open(name: string, from: number, to: number, options: object): Promise<void> {
    this.#lag.enable();
    await this.#each(name, from, to, async (id) => {
      const { outcome, record } = await this.#flows.open(id, options);
      void this.#count(id, outcome, record.deadlineAt);
    });
  }

  /** Waits for them; resolves when it has begun to. */
  wait(name: string, from: number, to: number, deadlineAt: number): void {
    this.#lag.enable();
    for (let at = from; at < to; at++) {
      const id = `${name}-${at}`;
      void this.#count(id, this.#flows.wait(id), deadlineAt);
    }
  }

  async complete(name: string, from: number, to: number): Promise<void> {
    await this.#each(name, from, to, async (id) => {
      await this.#flows.complete(id, id);
    });
  }

  /** Opens flows and tells their ids to a list; resolves when all have ended. */
  async openAndTell(name: string, count: number, list: string): Promise<Tally> {
    const redis = new Redis(this.#url);
    await this.#each(name, 0, count, async (id) => {
      const { outcome, record } = await this.#flows.open(id);
      const counted = this.#count(id, outcome, record.deadlineAt);
      await redis.rpush(list, id);
      await counted;
    });
    redis.disconnect();
    return this.tally();
  }

  /** Takes `count` ids from a list and does something to each, telling them on to another list if there is one. */
  async work(does: 'wait' | 'complete', count: number, list: string, onward?: string): Promise<Tally> {
    const [taking, telling] = [new Redis(this.#url), new Redis(this.#url)];
    const waits: Promise<void>[] = [];
    for (let taken = 0; taken < count; taken++) {
      const id = (await taking.blpop(list, 0))![1];
      if (does === 'wait') waits.push(this.#count(id, this.#flows.wait(id), Infinity));
      else waits.push(this.#flows.complete(id, id).then(() => undefined));
      if (onward !== undefined) await telling.rpush(onward, id);
    }
    await Promise.all(waits);
    taking.disconnect();
    telling.disconnect();
    return this.tally();
  }

  /** Resolves with the sums once so many have ended. */
  async until(count: number): Promise<Tally> {
    if (this.#ended < count) await new Promise<void>((resolve) => this.#reached.push({ count, resolve }));
    return this.tally();
  }

  tally(): Tally {
    return {
      ended: this.#ended,
      right: this.#right,
      wrong: this.#wrong,
      codes: this.#codes,
      lastAt: this.#lastAt,
      lateMs: this.#lateMs,
      lagMs: Math.ceil(this.#lag.max / 1e6),
    };
  }

  async #count(id: string, outcome: Promise<unknown>, deadlineAt: number): Promise<void> {
    try {
      if ((await outcome) === id) this.#right++;
      else this.#wrong++;
    } catch (error) {
      const code = error instanceof FlowError ? error.code : String(error);
      this.#codes[code] = (this.#codes[code] ?? 0) + 1;
    }
    this.#lastAt = Date.now();
    this.#lateMs = Math.max(this.#lateMs, this.#lastAt - deadlineAt);
    this.#ended++;
    for (const { count, resolve } of this.#reached) if (this.#ended >= count) resolve();
    this.#reached = this.#reached.filter(({ count }) => this.#ended < count);
  }

  async #each(name: string, from: number, to: number, act: (id: string) => Promise<void>): Promise<void> {
    let next = from;
    const one = async (): Promise<void> => {
      while (next < to) await act(`${name}-${next++}`);
    };
    await Promise.all(Array.from({ length: UNDER_WAY }, one));
  }
}
