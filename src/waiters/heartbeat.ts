/** What a heartbeat needs: to publish on its channel, to know that the listening connection answers, and whom to tell. */
export interface HeartbeatEvents {
  publish(beat: string): Promise<unknown>;
  ping(): void;
  /** Wake-ups arrive again; `missed` if some may have been lost on a connection that stood. */
  heard(missed: boolean): void;
  /** They do not. */
  missed(): void;
}

const PATIENCE_MS = 1_000;

/**
 * The broker's test of its own wake path: a message to itself, expected back on the listening connection. Beats every
 * `everyMs` while heard, every `searchMs` while not.
 */
export class Heartbeat {
  readonly #everyMs: number;
  readonly #searchMs: number;
  readonly #events: HeartbeatEvents;
  #sent = 0;
  #heard = 0;
  #healthy = false;
  #missed = false;
  #lost = false;
  #beatAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #resting = false;

  constructor(everyMs: number, searchMs: number, events: HeartbeatEvents) {
    this.#everyMs = everyMs;
    this.#searchMs = searchMs;
    this.#events = events;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  /** Known not to be heard; false until the first beat was waited for. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Waiting may begin and end a thousand times a second: it beats no more often for that. */
  start(): void {
    this.#resting = false;
    if (this.#running) return;
    this.#running = true;
    const due = this.#beatAt + this.#everyMs - performance.now();
    if (this.#healthy && due > 0) this.#beatIn(due);
    else this.beat();
  }

  /** Nothing waits: stops at its next moment, unless something waits again by then; at once if it is not heard. */
  rest(): void {
    if (this.#healthy) this.#resting = true;
    else this.stop();
  }

  stop(): void {
    this.#running = false;
    this.#resting = false;
    clearTimeout(this.#timer);
  }

  /** Beats now: after a reconnect, for one. */
  beat(): void {
    if (!this.#running || this.#resting) return;
    clearTimeout(this.#timer);
    const beat = ++this.#sent;
    this.#beatAt = performance.now();
    this.#events.ping();
    // A publish that fails is a beat that is not heard.
    this.#events.publish(String(beat)).catch(() => undefined);
    this.#timer = setTimeout(
      () => {
        this.#judge(beat);
      },
      Math.min(PATIENCE_MS, this.#everyMs),
    ).unref();
  }

  hear(payload: Buffer): void {
    if (payload.length === 0) return; // a settlement's own message: see the contract
    this.#heard = Math.max(this.#heard, Number(payload.toString()) || 0);
    if (this.#heard === this.#sent) this.#become(true);
  }

  /** The connection is gone, or the server refuses a channel. */
  lose(): void {
    if (this.#resting) this.stop();
    this.#missed = false; // what is subscribed anew is read anew
    this.#become(false);
  }

  #judge(beat: number): void {
    if (this.#resting) {
      this.stop();
      return;
    }
    if (this.#heard < beat) {
      this.#missed = true;
      this.#become(false);
    }
    this.#beatIn(this.#healthy ? this.#everyMs - Math.min(PATIENCE_MS, this.#everyMs) : this.#searchMs);
  }

  #beatIn(ms: number): void {
    this.#timer = setTimeout(() => {
      if (this.#resting) this.stop();
      else this.beat();
    }, ms).unref();
  }

  #become(healthy: boolean): void {
    if (this.#healthy === healthy && this.#lost === !healthy) return;
    this.#healthy = healthy;
    this.#lost = !healthy; // also when it was never heard, which must be told as well
    if (!healthy) {
      this.#events.missed();
      return;
    }
    const missed = this.#missed;
    this.#missed = false;
    this.#events.heard(missed);
  }
}
