import type { FlowName } from '../errors.js';
import type { Listening } from '../redis/topology.js';
import type { Watch } from './watch.js';

const EXPIRED = Buffer.from('expired');

/** Keyspace events of timers, as hints to look: worth a second subscription only for waits that last. */
export class Hints {
  readonly #watches = new Map<string, Watch>();
  readonly #channelOf: (flow: FlowName) => string | undefined;
  readonly #listening: () => Listening;

  /** `channelOf` gives undefined while the server does not tell of expired keys. */
  constructor(channelOf: (flow: FlowName) => string | undefined, listening: () => Listening) {
    this.#channelOf = channelOf;
    this.#listening = listening;
  }

  wanted(watch: Watch): boolean {
    return watch.hintChannel === undefined && this.#channelOf(watch.flow) !== undefined;
  }

  follow(watch: Watch): void {
    watch.hintFrom = Infinity;
    watch.hintChannel = this.#channelOf(watch.flow);
    if (watch.hintChannel === undefined) return;
    this.#watches.set(watch.hintChannel, watch);
    this.#listening().hold(watch.hintChannel);
  }

  drop(watch: Watch): void {
    if (watch.hintChannel === undefined) return;
    this.#watches.delete(watch.hintChannel);
    this.#listening().release(watch.hintChannel);
  }

  /** Does without hints: the server refuses them. */
  dropAll(): void {
    for (const watch of [...this.#watches.values()]) {
      this.drop(watch);
      watch.hintChannel = undefined;
    }
  }

  /** The watch whose timer ran out, if that is what was said. */
  expired(channel: string, payload: Buffer): Watch | undefined {
    return payload.equals(EXPIRED) ? this.#watches.get(channel) : undefined;
  }
}
