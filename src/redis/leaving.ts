/** When channels that nobody holds are let go of: so many along with what is sent anyway, so many at once, or after so long. */
export interface LeavingLimits {
  readonly along: number;
  readonly most: number;
  readonly afterMs: number;
}

// While slots move, letting go waits: until they rest, or there is much of it.
const CALM_MS = 1_000;
const MOST_PUT_OFF = 16;

/** Channels of one connection that nobody holds any more. Until they are gone, one that is wanted again needs no subscription. */
export class Leaving {
  readonly #limits: LeavingLimits;
  readonly #mayGo: () => boolean;
  readonly #go: (channels: readonly string[]) => void;
  readonly #channels = new Set<string>();
  #sinceMoved: string[] = [];
  #movedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: LeavingLimits, mayGo: () => boolean, go: (channels: readonly string[]) => void) {
    this.#limits = limits;
    this.#mayGo = mayGo;
    this.#go = go;
  }

  add(channel: string): void {
    this.#channels.add(channel);
    this.#sinceMoved.push(channel);
    if (this.#channels.size >= this.#limits.most) this.go();
    else this.#goSoon();
  }

  /** It is wanted again, or gone by itself; whether it was still here. */
  keep(channel: string): boolean {
    return this.#channels.delete(channel);
  }

  goAlong(): void {
    if (this.#channels.size >= this.#limits.along) this.go();
  }

  go(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#mayGo() || this.#restless) {
      this.#goSoon();
      return;
    }
    const channels = [...this.#channels];
    this.#channels.clear();
    this.#sinceMoved = [];
    if (channels.length > 0) this.#go(channels);
  }

  /** The server ended a subscription unasked: gives those that it may be of, but for those given before. It does so for each of thousands. */
  moved(): readonly string[] {
    this.#movedAt = performance.now();
    if (this.#sinceMoved.length === 0) return this.#sinceMoved;
    const unsure = this.#sinceMoved.filter((channel) => this.#channels.has(channel));
    this.#sinceMoved = [];
    return unsure;
  }

  /** The connection is gone, and with it all its subscriptions. */
  clear(): void {
    this.#channels.clear();
    this.#sinceMoved = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  get #restless(): boolean {
    const { most } = this.#limits;
    return performance.now() - this.#movedAt < CALM_MS && this.#channels.size < most * MOST_PUT_OFF;
  }

  #goSoon(): void {
    this.#timer ??= setTimeout(() => this.go(), this.#limits.afterMs).unref();
  }
}
