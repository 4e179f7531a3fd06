import type { Line } from './line.js';

const PATIENCE_MS = 1_000;
const BACK_MS = 100; // its server is well

/**
 * Proves that answers are still given to those who asked. When a slot moves, the server ends its subscriptions unasked, and ioredis 6 takes that for the
 * answer to an unsubscription under way (measured); the real answer, an error, then goes to the next command, and every one after it to the
 * wrong one. So nothing is sent behind unsubscriptions until a PING was answered as such; a connection that fails that is given up.
 */
export class Checkpoint {
  readonly #line: Line;
  readonly #opened: () => void;
  #waiting: (() => void)[] = [];
  #round = 0;
  #shut = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(line: Line, opened: () => void) {
    this.#line = line;
    this.#opened = opened;
  }

  get shut(): boolean {
    return this.#shut;
  }

  /** Shuts behind what was just sent. */
  shutBehind(): void {
    const round = ++this.#round;
    const judge = (sound: boolean): void => {
      if (round !== this.#round || !this.#shut) return;
      if (sound) this.open();
      else this.#reconnect();
    };
    this.#shut = true;
    this.#timer = setTimeout(judge, PATIENCE_MS, false).unref();
    this.#line
      .post((redis) => redis.call('PING'))
      .then(
        (answer) => judge(answer === 'PONG'),
        () => judge(false),
      );
  }

  /** Resolves when it is open. */
  async passed(): Promise<void> {
    while (this.#shut) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Lets everything go on: here, or after the connection ended, elsewhere. */
  open(): void {
    clearTimeout(this.#timer);
    if (!this.#shut) return;
    this.#shut = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#opened();
  }

  #reconnect(): void {
    const { redis } = this.#line;
    const { retryStrategy } = redis.options;
    redis.options.retryStrategy = () => {
      if (retryStrategy) redis.options.retryStrategy = retryStrategy;
      return BACK_MS * (0.75 + Math.random() / 2);
    };
    redis.disconnect(true);
  }
}
