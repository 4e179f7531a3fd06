import type { Line } from './line.js';
import { PlainPubSub } from './pubsub.js';
import { Subscriptions } from './subscriptions.js';
import type { Listener, Listening, ListeningEvents } from './topology.js';

/** Everything is heard on one connection to one server. */
export class SingleListening implements Listening, Listener {
  readonly #listening: Line;
  readonly #commands: Line;
  readonly #beatChannel: string;
  readonly #subscriptions: Subscriptions;
  readonly #only: readonly Listener[] = [this];

  constructor(listening: Line, commands: Line, beatChannel: string, events: ListeningEvents) {
    this.#listening = listening;
    this.#commands = commands;
    this.#beatChannel = beatChannel;
    let connected = false;
    events.opened(this);
    this.#subscriptions = new Subscriptions(listening, commands, new PlainPubSub(listening), {
      message: (channel, payload) => {
        if (channel === beatChannel) events.beat(this, payload);
        else events.message(channel, payload);
      },
      down: () => {
        events.down(this);
      },
      up: () => {
        events.up(this, connected);
        connected = true;
      },
      restored: (channels) => {
        if (channels.includes(beatChannel)) events.ready(this);
        events.restored(channels);
      },
      refused: (channels, error) => {
        events.refused(this, channels, error);
      },
      moved: () => undefined,
    });
    this.#subscriptions.hold(beatChannel);
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  get refusing(): boolean {
    return this.#subscriptions.refusedCount > 0;
  }

  hold(channel: string): void {
    this.#subscriptions.hold(channel);
  }

  release(channel: string): void {
    this.#subscriptions.release(channel);
  }

  read(_channel: string, read: (line: Line) => void): void {
    this.#subscriptions.read(read);
  }

  retryRefused(): void {
    this.#subscriptions.retryRefused();
  }

  listenersOf(): readonly Listener[] {
    return this.#only;
  }

  laneOf(): string {
    return '';
  }

  beat(text: string): Promise<unknown> {
    return this.#commands.send((redis) => redis.publish(this.#beatChannel, text));
  }

  ping(): void {
    // With an answer outstanding, a silent connection is given up by its socketTimeout.
    if (this.#listening.ready) this.#listening.post((redis) => redis.ping()).catch(() => undefined);
  }

  close(): void {
    this.#subscriptions.close();
    this.#listening.detach();
  }
}
