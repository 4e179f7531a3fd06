/** What a heartbeat needs: to publish on its channel, to know that the listening connection answers, and whom to tell. */
export interface HeartbeatEvents {
  publish(beat: string): Promise<unknown>;
  ping(): void;
  /** Wake-ups arrive again. */
  heard(): void;
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
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(everyMs: number, searchMs: number, events: HeartbeatEvents) {
    this.#everyMs = everyMs;
    this.#searchMs = searchMs;
    this.#events = events;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.beat();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
  }

  /** Beats now: after a reconnect, for one. */
  beat(): void {
    if (!this.#running) return;
    clearTimeout(this.#timer);
    const beat = ++this.#sent;
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
    this.#heard = Math.max(this.#heard, Number(payload.toString()) || 0);
    if (this.#heard === this.#sent) this.#become(true);
  }

  /** The connection is gone, or the server refuses a channel. */
  lose(): void {
    this.#become(false);
  }

  #judge(beat: number): void {
    if (this.#heard < beat) this.#become(false);
    const wait = this.#healthy ? this.#everyMs - Math.min(PATIENCE_MS, this.#everyMs) : this.#searchMs;
    this.#timer = setTimeout(() => {
      this.beat();
    }, wait).unref();
  }

  #become(healthy: boolean): void {
    if (this.#healthy === healthy) return;
    this.#healthy = healthy;
    if (healthy) this.#events.heard();
    else this.#events.missed();
  }
}
