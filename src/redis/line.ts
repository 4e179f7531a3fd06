import type { Redis } from 'ioredis';
import { FlowClosedError, FlowUnavailableError } from '../errors.js';
import { Deadlines } from './deadlines.js';

interface Corkable {
  cork(): void;
  uncork(): void;
}

/**
 * One connection, as the rest of the library uses it: what is sent in one tick goes out in one write and in order; nothing is
 * sent while the connection is down, so that what timed out meanwhile never runs later; everything ends in time.
 */
export class Line {
  readonly redis: Redis;
  readonly #timeoutMs: number;
  readonly #deadlines: Deadlines;
  #held: (() => void)[] = [];
  #corked: Corkable | undefined;
  #inTick = false;
  #ended = false;

  constructor(redis: Redis, timeoutMs: number) {
    this.redis = redis;
    this.#timeoutMs = timeoutMs;
    this.#deadlines = new Deadlines(timeoutMs);
    redis.on('ready', this.#onReady);
    redis.on('end', this.#onEnd);
  }

  get ready(): boolean {
    return this.redis.status === 'ready';
  }

  /**
   * Rejects with ERR_FLOW_UNAVAILABLE when no answer came in time, else as the call does. `instead` may answer an error
   * with another call, within the same time.
   */
  send<T>(
    call: (redis: Redis) => Promise<T>,
    instead?: (redis: Redis, error: Error) => Promise<T> | undefined,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#ended || this.redis.status === 'end') {
        reject(this.#unanswered());
        return;
      }
      const deadline = this.#deadlines.add(() => {
        reject(this.#unanswered());
      });
      const succeed = (value: T): void => {
        deadline.done = true;
        resolve(value);
      };
      const fail = (error: unknown): void => {
        if (deadline.done) return;
        const other = instead?.(this.redis, error as Error);
        if (other) {
          other.then(succeed, finish);
          return;
        }
        finish(error);
      };
      const finish = (error: unknown): void => {
        deadline.done = true;
        reject(error);
      };
      if (this.ready) this.#write(call).then(succeed, fail);
      else {
        this.#hold(() => {
          if (!deadline.done) this.#write(call).then(succeed, fail);
        });
      }
    });
  }

  /** Sends without a time limit, for what the connection itself repeats until it is answered. */
  post<T>(call: (redis: Redis) => Promise<T>): Promise<T> {
    return this.#write(call);
  }

  /** What is sent meanwhile goes out in one write at the end. */
  together(send: () => void): void {
    if (!this.#corked) this.#cork();
    send();
    this.#uncork();
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
    for (const go of held) go();
  };

  readonly #onEnd = (): void => {
    this.#held = [];
    this.#deadlines.expireAll();
  };

  #unanswered(): Error {
    if (this.#ended) return new FlowClosedError('the broker was closed');
    return new FlowUnavailableError(
      this.redis.status === 'end'
        ? 'the connection to Redis was closed'
        : `Redis did not answer within commandTimeoutMs (${String(this.#timeoutMs)} ms)`,
    );
  }

  #write<T>(call: (redis: Redis) => Promise<T>): Promise<T> {
    this.#bundle();
    return call(this.redis);
  }

  #hold(go: () => void): void {
    this.#held.push(go);
    if (this.redis.status === 'wait') this.redis.connect().catch(() => undefined);
  }

  // ioredis writes each command by itself. The first of a tick goes at once, for its latency; those that follow in the same
  // tick are held for one write, which halves their cost (measured).
  #bundle(): void {
    if (this.#corked) return;
    if (this.#inTick) this.#cork();
    else {
      this.#inTick = true;
      process.nextTick(this.#endTick);
    }
  }

  readonly #endTick = (): void => {
    this.#inTick = false;
    this.#uncork();
  };

  #cork(): void {
    const { stream } = this.redis as unknown as { stream?: Partial<Corkable> };
    if (typeof stream?.cork !== 'function' || typeof stream.uncork !== 'function') return;
    this.#corked = stream as Corkable;
    this.#corked.cork();
  }

  #uncork(): void {
    this.#corked?.uncork();
    this.#corked = undefined;
  }
}
