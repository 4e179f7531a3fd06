import type { Line } from './line.js';
import { PlainPubSub } from './pubsub.js';
import { Subscriptions } from './subscriptions.js';
import type { Ahead, Listener, Listening, ListeningEvents } from './topology.js';

// Two beats of a broker that waits.
const HEARD_MS = 10_000;
const KNOCK_MS = 1_000;

/** Everything is heard on one connection to one server. */
export class SingleListening implements Listening, Listener {
  readonly #listening: Line;
  readonly #commands: Line;
  readonly #beatChannel: string;
  readonly #subscriptions: Subscriptions;
  readonly #only: readonly Listener[] = [this];
  #heardAt = -Infinity;
  #knockedAt = -Infinity;

  constructor(listening: Line, commands: Line, beatChannel: string, events: ListeningEvents) {
    this.#listening = listening;
    this.#commands = commands;
    this.#beatChannel = beatChannel;
    let connected = false;
    events.opened(this);
    this.#subscriptions = new Subscriptions(listening, commands, new PlainPubSub(listening), {
      message: (channel, payload) => {
        if (channel === beatChannel) {
          this.#heardAt = performance.now();
          events.beat(this, payload);
        } else events.message(channel, payload);
      },
      down: () => {
        this.#heardAt = this.#knockedAt = -Infinity;
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

  /** Only where it was heard of late: nothing beats while nothing waits, and a connection that died unsaid would swallow a settlement. */
  get ahead(): Ahead | undefined {
    const ahead = this.#subscriptions.ahead(this.#beatChannel);
    const now = performance.now();
    if (!ahead || now - this.#heardAt < HEARD_MS) return ahead;
    if (now - this.#knockedAt > KNOCK_MS) {
      this.#knockedAt = now;
      this.beat('').catch(() => undefined);
    }
    return undefined;
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
    // With an answer outstanding, a silent connection is given up.
    if (this.#listening.ready) this.#listening.post((redis) => redis.ping()).catch(() => undefined);
  }

  close(): void {
    this.#subscriptions.close();
    this.#listening.detach();
  }
}
