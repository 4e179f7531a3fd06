import type { Redis } from 'ioredis';
import { own } from './connections.js';
import { Line } from './line.js';
import { isPassing } from './recovery.js';
import { PlainPubSub, ShardedPubSub } from './pubsub.js';
import { Subscriptions } from './subscriptions.js';
import type { Listener, ListeningEvents } from './topology.js';

/** How to listen to the nodes of one group. */
export interface NodeOptions {
  readonly commands: Line;
  readonly commandTimeoutMs: number;
  /** Whether channels are sharded; keyspace events never are. Asked when there is a node. */
  readonly sharded: () => boolean;
  readonly onError: (error: Error) => void;
  /** Opens a connection to the node of this name. */
  readonly open: (node: string) => Redis;
  /** The arrangement seems to have changed; `moved` if the server ended subscriptions for that. */
  readonly changed: (moved: boolean) => void;
}

/** What is heard from one node: its flows' channels, and on a connection of their own its keyspace events. */
export class NodeListener implements Listener {
  readonly #node: string;
  readonly #options: NodeOptions;
  readonly #events: ListeningEvents;
  readonly #sharded: boolean;
  readonly #line: Line;
  readonly #flows: Subscriptions;
  #beatChannel = '';
  #hintLine: Line | undefined;
  #hints: Subscriptions | undefined;
  #down = true;

  constructor(node: string, options: NodeOptions, events: ListeningEvents) {
    this.#node = node;
    this.#options = options;
    this.#events = events;
    this.#sharded = options.sharded();
    this.#line = this.#connect();
    const pubsub = this.#sharded ? new ShardedPubSub(this.#line) : new PlainPubSub(this.#line);
    let connected = false;
    this.#flows = new Subscriptions(this.#line, options.commands, pubsub, {
      message: (channel, payload) => {
        if (channel === this.#beatChannel) events.beat(this, payload);
        else events.message(channel, payload);
      },
      down: () => {
        this.#down = true;
        events.down(this);
        options.changed(false);
      },
      up: () => {
        this.#down = false;
        events.up(this, connected);
        connected = true;
      },
      restored: (channels) => {
        if (channels.includes(this.#beatChannel)) events.ready(this);
        events.restored(channels);
      },
      refused: (channels, error) => {
        events.refused(this, channels, error);
      },
      moved: () => {
        options.changed(true);
      },
    });
    this.#hints = this.#sharded ? undefined : this.#flows;
  }

  get down(): boolean {
    return this.#down;
  }

  get refusing(): boolean {
    return this.#flows.refusedCount > 0;
  }

  get waitingMs(): number {
    return this.#line.waitingMs;
  }

  /** Where it sends itself its beats; on a sharded connection a channel that this node serves. */
  beatOn(channel: string): void {
    if (channel === this.#beatChannel) return;
    const before = this.#beatChannel;
    this.#beatChannel = channel;
    this.#flows.adopt([channel]);
    if (before !== '') this.#flows.abandon([before]);
  }

  hold(channel: string, hint: boolean): void {
    this.#of(hint).hold(channel);
  }

  release(channel: string, hint: boolean): void {
    this.#of(hint).release(channel);
  }

  adopt(channels: readonly string[], hint: boolean): void {
    this.#of(hint).adopt(channels);
  }

  abandon(channels: readonly string[], hint: boolean): void {
    this.#of(hint).abandon(channels);
  }

  renew(): void {
    this.#flows.renew();
  }

  read(read: (line: Line) => void): void {
    this.#flows.read(read);
  }

  retryRefused(): void {
    this.#flows.retryRefused();
    if (this.#hints !== this.#flows) this.#hints?.retryRefused();
  }

  beat(text: string): Promise<unknown> {
    const verb = this.#sharded ? 'SPUBLISH' : 'PUBLISH';
    const channel = this.#beatChannel;
    return new Promise((resolve, reject) => {
      this.#flows.read((line) => {
        line.send((redis) => redis.call(verb, channel, text)).then(resolve, reject);
      });
    });
  }

  ping(): void {
    for (const line of [this.#line, this.#hintLine]) {
      if (line?.ready) line.post((redis) => redis.ping()).catch(() => undefined);
    }
  }

  close(): void {
    this.#flows.close();
    this.#hints?.close();
    for (const line of [this.#line, this.#hintLine]) {
      // What is still being asked goes on elsewhere once the connection has ended.
      line?.redis.disconnect();
    }
  }

  /** The broker is closed: what is under way ends as that. */
  end(): void {
    this.#line.detach();
    this.#hintLine?.detach();
    this.close();
  }

  #connect(): Line {
    const { open, commands, commandTimeoutMs, onError } = this.#options;
    const redis = open(this.#node);
    own(redis, onError);
    redis.on('error', (error: Error) => {
      if (error.message.startsWith('Command queue state error')) this.#options.changed(true);
    });
    return new Line(redis, commandTimeoutMs, {
      batches: !this.#sharded,
      recovery: (error) => (isPassing(error) ? commands : undefined),
      elsewhere: commands,
    });
  }

  #of(hint: boolean): Subscriptions {
    if (!hint) return this.#flows;
    if (this.#hints) return this.#hints;
    this.#hintLine = this.#connect();
    this.#hints = new Subscriptions(this.#hintLine, this.#options.commands, new PlainPubSub(this.#hintLine), {
      message: (channel, payload) => {
        this.#events.message(channel, payload);
      },
      refused: (channels, error) => {
        this.#events.refused(this, channels, error);
      },
      // Hints are no more than that: while they do not arrive, timers do.
      down: () => undefined,
      up: () => undefined,
      restored: () => undefined,
      moved: () => undefined,
    });
    return this.#hints;
  }
}
