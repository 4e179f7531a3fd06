import type { Telemetry } from '../broker/telemetry.js';
import type { FlowName } from '../errors.js';
import type { FlowLogger } from '../options.js';
import { keyspaceEvents } from '../redis/keyspace-events.js';
import type { Line } from '../redis/line.js';
import { Subscriptions } from '../redis/subscriptions.js';
import { Heartbeat } from './heartbeat.js';
import { Waiters } from './waiters.js';

/** What the wake path needs of the broker. */
export interface WakePathOptions {
  readonly commands: Line;
  /** Opens the listening connection, when first needed. */
  readonly listen: () => Line;
  readonly heartbeatChannel: string;
  readonly notifications: 'auto' | 'configure' | 'off';
  readonly pollMs: number;
  readonly rereadMs: number;
  readonly heartbeatMs: number;
  readonly telemetry: Telemetry;
  readonly logger: FlowLogger | undefined;
  read: (flow: FlowName) => ReturnType<ConstructorParameters<typeof Waiters>[0]['read']>;
  channelOf: (flow: FlowName) => string;
  hintChannelOf: (flow: FlowName) => string;
}

// A round over very many waiters takes a while; polling must leave the server free most of the time.
const REST_FACTOR = 4;

/**
 * The waiters with what wakes them: the listening connection, the heartbeat that tells whether it works, and the poll for
 * when it does not. The connection opens with the first wait; the heartbeat runs while anything waits.
 */
export class WakePath {
  readonly waiters: Waiters;
  readonly #options: WakePathOptions;
  readonly #heartbeat: Heartbeat;
  #subscriptions: Subscriptions | undefined;
  #listening: Line | undefined;
  #hints = false;
  #connected = false;
  #polling = false;
  #pollTimer: NodeJS.Timeout | undefined;
  #missedBefore = 0;
  #closed = false;

  constructor(options: WakePathOptions) {
    this.#options = options;
    this.waiters = new Waiters(
      {
        rereadMs: options.rereadMs,
        read: options.read,
        channelOf: options.channelOf,
        hintChannelOf: (flow) => (this.#hints ? options.hintChannelOf(flow) : undefined),
        busy: () => {
          this.#start();
        },
        quiet: () => {
          this.#heartbeat.stop();
          clearTimeout(this.#pollTimer);
        },
      },
      () => this.#opened(),
      options.telemetry,
    );
    this.#heartbeat = new Heartbeat(options.heartbeatMs, options.pollMs, {
      publish: (beat) => options.commands.send((redis) => redis.publish(options.heartbeatChannel, beat)),
      ping: () => {
        this.#opened().retryRefused();
        this.#reportMissed();
        // With an answer outstanding, a silent connection is given up by its socketTimeout.
        if (this.#listening?.ready) this.#listening.post((redis) => redis.ping()).catch(() => undefined);
      },
      heard: (missed) => {
        options.logger?.debug({ subscriptions: this.subscriptions }, 'wake-ups arrive');
        // What was told since the last poll is told to nobody again.
        if (missed) this.waiters.rereadAll('poll');
      },
      missed: () => {
        if (this.waiters.count > 0) {
          options.logger?.warn(
            { waiters: this.waiters.count },
            'wake-ups do not arrive: polling until they do',
          );
        }
        this.#pollSoon(0);
      },
    });
  }

  get subscriptions(): number {
    return this.#subscriptions?.size ?? 0;
  }

  get healthy(): boolean {
    return this.waiters.watchCount === 0 || !(this.#heartbeat.lost || this.#refusing);
  }

  close(error: Error): void {
    this.#closed = true;
    this.waiters.close(error);
    this.#heartbeat.stop();
    clearTimeout(this.#pollTimer);
    this.#subscriptions?.close();
    this.#listening?.detach();
  }

  #opened(): Subscriptions {
    if (this.#subscriptions) return this.#subscriptions;
    const { heartbeatChannel, logger } = this.#options;
    this.#listening = this.#options.listen();
    this.#subscriptions = new Subscriptions(this.#listening, this.#options.commands, {
      message: (channel, payload) => {
        if (channel === heartbeatChannel) this.#heartbeat.hear(payload);
        else this.waiters.hear(channel, payload);
      },
      down: () => {
        this.#heartbeat.lose();
      },
      up: () => {
        if (this.#connected) {
          this.#options.telemetry.count('reconnects');
          logger?.info({ waiters: this.waiters.count }, 'the listening connection is back');
        }
        this.#connected = true;
      },
      restored: (channels) => {
        if (channels.includes(heartbeatChannel)) this.#heartbeat.beat();
        this.waiters.rereadAll('restored', channels);
      },
      refused: (channels, error) => {
        this.#refused(channels, error);
      },
    });
    this.#subscriptions.hold(heartbeatChannel);
    void this.#findHints();
    return this.#subscriptions;
  }

  #start(): void {
    if (this.#closed) return;
    this.#opened();
    this.#heartbeat.start();
    if (!this.#heartbeat.healthy) this.#pollSoon(this.#options.pollMs);
  }

  #refused(channels: readonly string[], error: Error): void {
    // One SUBSCRIBE is refused whole: without the hints, which are not needed, the rest may be granted.
    if (channels.some((channel) => channel.startsWith('__keyspace@'))) {
      this.#hints = false;
      this.waiters.hints.dropAll();
      this.#subscriptions?.retryRefused();
      return;
    }
    this.#options.logger?.warn(
      { channels: channels.length, reason: error.message.slice(0, 80) },
      'the server refuses to subscribe',
    );
    this.#heartbeat.lose();
    this.#pollSoon(this.#options.pollMs);
  }

  async #findHints(): Promise<void> {
    const { notifications, commands } = this.#options;
    if (notifications !== 'off') this.#hints = await keyspaceEvents(commands, notifications);
  }

  get #refusing(): boolean {
    return (this.#subscriptions?.refusedCount ?? 0) > 0;
  }

  get #deaf(): boolean {
    return !this.#heartbeat.healthy || this.#refusing;
  }

  #pollSoon(ms: number): void {
    if (this.#polling || this.#closed) return;
    clearTimeout(this.#pollTimer);
    this.#pollTimer = setTimeout(
      () => {
        void this.#poll();
      },
      ms * (0.75 + Math.random() / 2),
    ).unref();
  }

  async #poll(): Promise<void> {
    if (!this.#deaf || this.waiters.watchCount === 0 || this.#closed) return;
    this.#polling = true;
    this.#options.telemetry.count('polls', undefined, { watches: this.waiters.watchCount });
    const started = performance.now();
    this.waiters.rereadAll('poll');
    await this.waiters.rereads.idle();
    this.#polling = false;
    this.#reportMissed();
    this.#pollSoon(Math.max(this.#options.pollMs, (performance.now() - started) * REST_FACTOR));
  }

  #reportMissed(): void {
    const { missedWakes } = this.#options.telemetry.counts;
    const missed = missedWakes - this.#missedBefore;
    this.#missedBefore = missedWakes;
    if (missed > 0)
      this.#options.logger?.warn({ missed }, 'endings were found by reading that no wake-up had told of');
  }
}
