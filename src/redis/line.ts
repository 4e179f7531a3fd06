import type { Redis } from 'ioredis';
import type { Argument, Script } from '../contract/scripts.js';
import { FlowClosedError, FlowUnavailableError } from '../errors.js';
import { Asking } from './asking.js';
import { corked, streamOf } from './cork.js';
import { Deadlines, type Timed } from './deadlines.js';
import { Held } from './held.js';
import type { LineOptions } from './line-options.js';
import { whenUnreached } from './reach.js';
import { isLost, type Recovery } from './recovery.js';
import { ScriptCall, ScriptRunner, type ScriptEnds } from './script-runner.js';

// A master that hangs keeps what it was sent: the one in its place is asked again, and answers as the first would have.
const REPEAT_MS = 2_000;
// Who is known to have been replaced is not waited for. An answer under way comes sooner.
const OVERDUE_MS = 250;

/**
 * One connection, as the rest of the library uses it: what is sent in one tick goes out in one write and in order; nothing is
 * sent while the connection is down, so that what timed out meanwhile never runs later; everything ends in time.
 */
export class Line {
  readonly redis: Redis;
  readonly #timeoutMs: number;
  readonly #deadlines: Deadlines;
  readonly #repeats = new Deadlines(REPEAT_MS);
  readonly #scripts: ScriptRunner;
  readonly #recovery: Recovery | undefined;
  readonly #elsewhere: Line | undefined;
  readonly #streams: NonNullable<LineOptions['streams']>;
  readonly #held = new Held();
  #reaching: NodeJS.Timeout | undefined;
  #unreached: Error | undefined;
  #inTick = false;
  #bundling = false;
  #ended = false;

  constructor(redis: Redis, timeoutMs: number, options: LineOptions = {}) {
    this.redis = redis;
    this.#recovery = options.recovery;
    this.#elsewhere = options.elsewhere;
    this.#streams = options.streams ?? (() => [streamOf(redis)]);
    this.#timeoutMs = timeoutMs;
    this.#deadlines = new Deadlines(timeoutMs);
    this.#scripts = new ScriptRunner(redis, options.batches ?? true);
    redis.on('ready', this.#onReady);
    redis.on('end', this.#onEnd);
    if (options.reach && !this.ready) this.#reaching = whenUnreached(options.reach, this.#giveUp);
  }

  get ready(): boolean {
    return this.redis.status === 'ready';
  }

  /** Whether it is there, and owes no answer. */
  get idle(): boolean {
    return this.ready && !this.#inTick && this.#deadlines.idle;
  }

  /** For how long the oldest request has been waiting for its answer, in ms; 0 when none is. */
  get waitingMs(): number {
    return this.#deadlines.oldestMs;
  }

  /** Rejects with ERR_FLOW_UNAVAILABLE when no answer came in time, else as the call does. */
  send<T>(call: (redis: Redis) => Promise<T>): Promise<T> {
    if (this.#recovery) return this.#persist((line) => line.#send(call));
    return this.#away ? this.#away.#send(call) : this.#send(call, this.#elsewhere);
  }

  /**
   * Runs a script: the first of a tick at once, the others together, at its end or as soon as they fill a batch. Rejects as
   * `send` does. `harmless` is given where a copy must not run once it is answered: see {@link Asking}.
   */
  run(
    script: Script,
    keys: readonly string[],
    values: readonly Argument[],
    harmless?: (reply: unknown) => boolean,
  ): Promise<unknown> {
    if (this.#recovery) return this.#persist((line) => line.#run(script, keys, values), harmless);
    return this.#away
      ? this.#away.#run(script, keys, values)
      : this.#run(script, keys, values, this.#elsewhere);
  }

  #send<T>(call: (redis: Redis) => Promise<T>, elsewhere?: Line): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timed: Timed = {
        done: false,
        at: 0,
        expire: () => reject(this.#unanswered()),
      };
      this.#whenReady(timed, () => {
        call(this.redis).then(
          (value) => {
            timed.done = true;
            resolve(value);
          },
          (error: unknown) => {
            if (timed.done) return; // its time was up
            timed.done = true;
            if (elsewhere && this.#isLost(error)) elsewhere.#send(call).then(resolve, reject);
            else reject(error);
          },
        );
      });
    });
  }

  #run(
    script: Script,
    keys: readonly string[],
    values: readonly Argument[],
    elsewhere?: Line,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ends = elsewhere ? this.#goesOn : this.#ends;
      const call = new ScriptCall(script, keys, values, resolve, reject, ends);
      this.#whenReady(call, () => {
        this.#scripts.add(call);
        if (this.#inTick) {
          if (this.#scripts.full && !this.#bundling) this.together();
          return;
        }
        this.#inTick = true;
        if (!this.#bundling) this.#scripts.flush();
        process.nextTick(this.#endTick);
      });
    });
  }

  /** Asks again what has waited for an answer for a while: another server may hold its key now. */
  repeatOverdue(): void {
    this.#repeats.expireOlder(OVERDUE_MS);
  }

  /** Sends without a time limit, for what the connection itself repeats until it is answered. */
  post<T>(call: (redis: Redis) => Promise<T>): Promise<T> {
    return call(this.redis);
  }

  /** What is sent meanwhile goes out in one write at the end: scripts after the rest, and `last` after those. */
  together(send?: () => void, last?: () => void): void {
    const uncork = corked(this.#streams());
    this.#bundling = true;
    send?.();
    this.#bundling = false;
    this.#scripts.flush();
    last?.();
    uncork();
  }

  /** Lets go of the connection, which stays as it is; what is under way ends as closed. */
  detach(): void {
    this.#ended = true;
    clearTimeout(this.#reaching);
    this.redis.off('ready', this.#onReady);
    this.redis.off('end', this.#onEnd);
    this.#held.clear();
    this.#deadlines.expireAll();
  }

  readonly #onReady = (): void => {
    clearTimeout(this.#reaching);
    this.#held.release();
  };

  readonly #onEnd = (): void => {
    this.#held.clear();
    if (this.#elsewhere) return; // ioredis rejects what was under way, and it goes on there
    this.#deadlines.expireAll();
  };

  readonly #ends: ScriptEnds = { unanswered: () => this.#unanswered() };
  readonly #goesOn: ScriptEnds = {
    ...this.#ends,
    lost: (call, error) => {
      if (!this.#elsewhere || !this.#isLost(error)) return false;
      this.#elsewhere.#run(call.script, call.keys, call.values).then(call.resolve, call.reject);
      return true;
    },
  };

  readonly #giveUp = (error: Error): void => {
    this.#unreached = error;
    this.#held.clear();
    this.#deadlines.expireAll();
    this.#unreached = undefined;
  };

  readonly #unanswered = (cause?: unknown): Error => {
    if (this.#ended) return new FlowClosedError('the broker was closed');
    if (this.#unreached) return this.#unreached;
    return new FlowUnavailableError(
      this.redis.status === 'end'
        ? 'the connection to Redis was closed'
        : `Redis did not answer within commandTimeoutMs (${String(this.#timeoutMs)} ms)`,
      { cause },
    );
  };

  /** Who is asked instead while this connection is down. */
  get #away(): Line | undefined {
    return this.ready || this.#ended ? undefined : this.#elsewhere;
  }

  /** Whether this connection lost what it was sent, which may be asked elsewhere. */
  #isLost(error: unknown): boolean {
    return !this.#ended && isLost(error as Error);
  }

  /** Asks again, here or elsewhere, as long as the recovery says so and there is time. */
  #persist<T>(once: (line: Line) => Promise<T>, harmless?: (answer: T) => boolean): Promise<T> {
    if (this.#away) return this.#away.#persist(once, harmless);
    const asking = new Asking<T>(
      {
        ask: () => once(this),
        recover: (error) => {
          const next = this.#ended ? undefined : this.#recovery?.(error);
          return next instanceof Line ? () => next.#persist(once, harmless) : next;
        },
        later: (repeat) => this.#repeats.add(repeat),
        ready: () => this.ready,
        unanswered: this.#unanswered,
      },
      harmless,
    );
    this.#deadlines.add(asking.limit);
    asking.go();
    return asking.answer;
  }

  #whenReady(timed: Timed, go: () => void): void {
    if (this.#ended || this.redis.status === 'end') {
      timed.expire();
      return;
    }
    if (this.ready) go();
    else this.#held.add(timed, go);
    if (this.redis.status === 'wait') this.redis.connect().catch(() => undefined);
    this.#deadlines.add(timed); // last: what is sent is on its way by then
  }

  readonly #endTick = (): void => {
    this.#inTick = false;
    if (this.#scripts.size > 0) this.together();
  };
}
