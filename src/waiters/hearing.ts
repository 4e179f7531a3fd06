import type { Listener, Listening } from '../redis/topology.js';
import type { Heartbeat } from './heartbeat.js';

type Holds = (listener: Listener, heartbeat: Heartbeat) => boolean;

const HEALTHY: Holds = (listener, heartbeat) => heartbeat.healthy && !listener.refusing;
const NOT_KNOWN_LOST: Holds = (listener, heartbeat) => !heartbeat.lost && !listener.refusing;

/** Which of the listening connections are heard, by their heartbeats. A channel is heard where one of its listeners is. */
export class Hearing {
  readonly #heartbeats = new Map<Listener, Heartbeat>();
  readonly #listening: () => Listening;

  constructor(listening: () => Listening) {
    this.#listening = listening;
  }

  get heartbeats(): Iterable<Heartbeat> {
    return this.#heartbeats.values();
  }

  add(listener: Listener, heartbeat: Heartbeat): void {
    this.#heartbeats.set(listener, heartbeat);
  }

  of(listener: Listener): Heartbeat | undefined {
    return this.#heartbeats.get(listener);
  }

  remove(listener: Listener): void {
    this.#heartbeats.get(listener)?.stop();
    this.#heartbeats.delete(listener);
  }

  /** Whether some listener does not hear; what it would hear may still be heard on another. */
  get impaired(): boolean {
    return this.#heartbeats.size === 0 || this.#someNot(HEALTHY);
  }

  /** Whether some listener is known not to hear. */
  get losing(): boolean {
    return this.#someNot(NOT_KNOWN_LOST);
  }

  /** Whether nothing on this channel can be counted on. */
  deafTo(channel: string): boolean {
    return !this.#anyOf(channel, HEALTHY);
  }

  /** Whether nothing on this channel arrives, as far as is known. */
  lostTo(channel: string): boolean {
    return !this.#anyOf(channel, NOT_KNOWN_LOST);
  }

  hears(listener: Listener, channel: string): boolean {
    return this.#listening().listenersOf(channel).includes(listener);
  }

  #someNot(holds: Holds): boolean {
    for (const [listener, heartbeat] of this.#heartbeats) if (!holds(listener, heartbeat)) return true;
    return false;
  }

  #anyOf(channel: string, holds: Holds): boolean {
    return this.#listening()
      .listenersOf(channel)
      .some((listener) => {
        const heartbeat = this.#heartbeats.get(listener);
        return heartbeat !== undefined && holds(listener, heartbeat);
      });
  }
}
