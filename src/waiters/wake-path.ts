import type { Telemetry } from '../broker/telemetry.js';
import type { FlowName } from '../errors.js';
import type { FlowLogger } from '../options.js';
import { isKeyspaceChannel, keyspaceEvents } from '../redis/keyspace-events.js';
import type { Ahead, Listener, Listening, Topology } from '../redis/topology.js';
import { Hearing } from './hearing.js';
import { Heartbeat } from './heartbeat.js';
import { Waiters } from './waiters.js';

/** What the wake path needs of the broker. */
export interface WakePathOptions {
  /** Its listening connections open when first needed. */
  readonly topology: Topology;
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
 * The waiters with what wakes them: the listening connections, the heartbeats that tell whether those work, and the poll for
 * what is heard on none. The connections open with the first wait; the heartbeats run while anything waits.
 */
export class WakePath {
  readonly waiters: Waiters;
  readonly #options: WakePathOptions;
  readonly #hearing = new Hearing(() => this.#opened());
  #listening: Listening | undefined;
  #hints = false;
  #soughtHints = false;
  #busy = false;
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
          this.#busy = false;
          for (const heartbeat of this.#hearing.heartbeats) heartbeat.rest();
          clearTimeout(this.#pollTimer);
        },
      },
      () => this.#opened(),
      options.telemetry,
    );
  }

  /** Whether the ends of timers are listened to: keyspace events are on, and were found to be. */
  get hints(): boolean {
    return this.#hints;
  }

  get subscriptions(): number {
    return this.#listening?.size ?? 0;
  }

  get healthy(): boolean {
    if (!this.#hearing.losing) return true;
    for (const { channel } of this.waiters.watches) if (this.#hearing.lostTo(channel)) return false;
    return true;
  }

  /** Where to settle a flow so that its waiters, who are in other processes, are woken before the answer is here. */
  aheadFor(channel: string): Ahead | undefined {
    if (!this.#options.topology.wakesAhead || this.#closed || this.waiters.isWatched(channel))
      return undefined;
    return this.#opened().ahead;
  }

  close(error: Error): void {
    this.#closed = true;
    this.waiters.close(error);
    for (const heartbeat of this.#hearing.heartbeats) heartbeat.stop();
    clearTimeout(this.#pollTimer);
    this.#listening?.close();
  }

  #opened(): Listening {
    if (this.#listening) return this.#listening;
    const { topology, telemetry, logger } = this.#options;
    this.#listening = topology.listen({
      message: (channel, payload) => {
        this.waiters.hear(channel, payload);
      },
      beat: (listener, payload) => this.#hearing.of(listener)?.hear(payload),
      opened: (listener) => {
        const heartbeat = this.#heartbeatOf(listener);
        this.#hearing.add(listener, heartbeat);
        if (this.#busy && this.#listening) heartbeat.start();
      },
      closed: (listener) => {
        this.#hearing.remove(listener);
      },
      down: (listener) => this.#hearing.of(listener)?.lose(),
      up: (_listener, again) => {
        if (!again) return;
        telemetry.count('reconnects');
        logger?.info({ waiters: this.waiters.count }, 'the listening connection is back');
      },
      ready: (listener) => this.#hearing.of(listener)?.beat(),
      restored: (channels) => {
        this.waiters.reread('restored', channels);
      },
      refused: (listener, channels, error) => {
        this.#refused(listener, channels, error);
      },
      rearranged: () => {
        logger?.info({ waiters: this.waiters.count }, 'the servers were rearranged');
        void this.#findHints();
      },
    });
    return this.#listening;
  }

  #heartbeatOf(listener: Listener): Heartbeat {
    const { heartbeatMs, pollMs, logger } = this.#options;
    return new Heartbeat(heartbeatMs, pollMs, {
      publish: (beat) => listener.beat(beat),
      ping: () => {
        this.#listening?.retryRefused();
        this.#reportMissed();
        listener.ping();
      },
      heard: (missed) => {
        logger?.debug({ subscriptions: this.subscriptions }, 'wake-ups arrive');
        // What was told since the last poll is told to nobody again.
        if (missed) this.#reread((channel) => this.#hearing.hears(listener, channel));
      },
      missed: () => {
        const deaf = [...this.waiters.watches].some(({ channel }) => this.#hearing.deafTo(channel));
        if (deaf)
          logger?.warn({ waiters: this.waiters.count }, 'wake-ups do not arrive: polling until they do');
        this.#pollSoon(0);
      },
    });
  }

  #start(): void {
    if (this.#closed) return;
    this.#busy = true;
    this.#opened();
    if (!this.#soughtHints) void this.#findHints();
    for (const heartbeat of this.#hearing.heartbeats) heartbeat.start();
    if (this.#hearing.impaired) this.#pollSoon(this.#options.pollMs);
  }

  #refused(listener: Listener, channels: readonly string[], error: Error): void {
    // One SUBSCRIBE is refused whole: without the hints, which are not needed, the rest may be granted.
    if (channels.some(isKeyspaceChannel)) {
      this.#hints = false;
      this.waiters.hints.dropAll();
      this.#listening?.retryRefused();
      return;
    }
    // Who only settles can do without.
    this.#options.logger?.[this.waiters.count > 0 ? 'warn' : 'debug'](
      { channels: channels.length, reason: error.message.slice(0, 80) },
      'the server refuses to subscribe',
    );
    this.#hearing.of(listener)?.lose();
    this.#pollSoon(this.#options.pollMs);
  }

  async #findHints(): Promise<void> {
    const { notifications, topology } = this.#options;
    this.#soughtHints = true;
    if (notifications === 'off') return;
    try {
      this.#hints = await keyspaceEvents(topology.masters(), notifications);
      if (this.#hints) this.waiters.hintsFound();
    } catch {
      this.#hints = false; // no server to ask; the next arrangement asks again
    }
  }

  /** Reads all that is waited for on the channels concerned; how many those are. */
  #reread(concerned: (channel: string) => boolean): number {
    let count = 0;
    for (const watch of this.waiters.watches) {
      if (!concerned(watch.channel)) continue;
      this.waiters.rereads.request(watch, 'poll');
      count++;
    }
    return count;
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
    if (!this.#hearing.impaired || this.waiters.watchCount === 0 || this.#closed) return;
    this.#polling = true;
    const started = performance.now();
    const watches = this.#reread((channel) => this.#hearing.deafTo(channel));
    if (watches > 0) {
      this.#options.telemetry.count('polls', undefined, { watches });
      await this.waiters.rereads.idle();
    }
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
