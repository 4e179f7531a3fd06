import type { Redis } from 'ioredis';
import type { Argument, Script } from '../contract/scripts.js';
import { FlowClosedError, FlowUnavailableError } from '../errors.js';
import { Deadlines, type Timed } from './deadlines.js';
import { ScriptCall, ScriptRunner } from './script-runner.js';

interface Corkable {
  cork(): void;
  uncork(): void;
}

interface Held {
  readonly timed: Timed;
  readonly go: () => void;
}

const SWEEP_HELD = 1_024;

/**
 * One connection, as the rest of the library uses it: what is sent in one tick goes out in one write and in order; nothing is
 * sent while the connection is down, so that what timed out meanwhile never runs later; everything ends in time.
 */
export class Line {
  readonly redis: Redis;
  readonly #timeoutMs: number;
  readonly #deadlines: Deadlines;
  readonly #scripts: ScriptRunner;
  #held: Held[] = [];
  #sweepAt = SWEEP_HELD;
  #inTick = false;
  #ended = false;

  /** `batches` says whether script calls of one tick may go as one, which a Cluster does not allow for any two flows. */
  constructor(redis: Redis, timeoutMs: number, batches = true) {
    this.redis = redis;
    this.#timeoutMs = timeoutMs;
    this.#deadlines = new Deadlines(timeoutMs);
    this.#scripts = new ScriptRunner(redis, batches);
    redis.on('ready', this.#onReady);
    redis.on('end', this.#onEnd);
  }

  get ready(): boolean {
    return this.redis.status === 'ready';
  }

  /** Rejects with ERR_FLOW_UNAVAILABLE when no answer came in time, else as the call does. */
  send<T>(call: (redis: Redis) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timed: Timed = {
        done: false,
        at: 0,
        expire: () => {
          reject(this.#unanswered());
        },
      };
      this.#whenReady(timed, () => {
        call(this.redis).then(
          (value) => {
            timed.done = true;
            resolve(value);
          },
          (error: unknown) => {
            timed.done = true;
            reject(error);
          },
        );
      });
    });
  }

  /** Runs a script at the end of the tick, with the others of this tick. Rejects as `send` does. */
  run(script: Script, keys: readonly string[], values: readonly Argument[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const call = new ScriptCall(script, keys, values, resolve, reject, this.#unanswered);
      this.#whenReady(call, () => {
        this.#scripts.add(call);
        if (this.#inTick) return;
        this.#inTick = true;
        process.nextTick(this.#endTick);
      });
    });
  }

  /** Sends without a time limit, for what the connection itself repeats until it is answered. */
  post<T>(call: (redis: Redis) => Promise<T>): Promise<T> {
    return call(this.redis);
  }

  /** What is sent meanwhile goes out in one write at the end, scripts last. */
  together(send: () => void): void {
    const { stream } = this.redis as unknown as { stream?: Partial<Corkable> };
    stream?.cork?.();
    send();
    this.#scripts.flush();
    stream?.uncork?.();
  }

  /** Lets go of the connection, which stays as it is; what is under way ends as closed. */
  detach(): void {
    this.#ended = true;
    this.redis.off('ready', this.#onReady);
    this.redis.off('end', this.#onEnd);
    this.#held = [];
    this.#deadlines.expireAll();
  }

  readonly #onReady = (): void => {
    const held = this.#held;
    this.#held = [];
    this.#sweepAt = SWEEP_HELD;
    for (const { timed, go } of held) if (!timed.done) go();
  };

  readonly #onEnd = (): void => {
    this.#held = [];
    this.#deadlines.expireAll();
  };

  readonly #unanswered = (): Error => {
    if (this.#ended) return new FlowClosedError('the broker was closed');
    return new FlowUnavailableError(
      this.redis.status === 'end'
        ? 'the connection to Redis was closed'
        : `Redis did not answer within commandTimeoutMs (${String(this.#timeoutMs)} ms)`,
    );
  };

  #whenReady(timed: Timed, go: () => void): void {
    if (this.#ended || this.redis.status === 'end') {
      timed.expire();
      return;
    }
    this.#deadlines.add(timed);
    if (this.ready) go();
    else this.#hold({ timed, go });
  }

  #hold(held: Held): void {
    // An outage may last: what timed out is let go of.
    if (this.#held.length >= this.#sweepAt) {
      this.#held = this.#held.filter(({ timed }) => !timed.done);
      this.#sweepAt = Math.max(SWEEP_HELD, this.#held.length * 2);
    }
    this.#held.push(held);
    if (this.redis.status === 'wait') this.redis.connect().catch(() => undefined);
  }

  readonly #endTick = (): void => {
    this.#inTick = false;
    if (this.#scripts.size > 1) this.together(() => undefined);
    else this.#scripts.flush();
  };
}
