import type { Redis } from 'ioredis';
import { Checkpoint } from './checkpoint.js';
import { ChurnMap } from './churn-map.js';
import { Leaving } from './leaving.js';
import type { Line } from './line.js';
import { protocolOf, type PubSub } from './pubsub.js';
import type { SubscriptionEvents } from './subscription-events.js';
import type { Ahead } from './topology.js';

const MOST_READS = 64;

/**
 * Ref-counted subscriptions on one listening connection. All that are wanted in a tick go as one SUBSCRIBE, those no
 * longer wanted go in batches. On RESP3 a read follows its SUBSCRIBE in the same write; on RESP2 it goes over the other connection once
 * the SUBSCRIBE was answered.
 */
export class Subscriptions {
  readonly #redis: Redis;
  readonly #listening: Line;
  readonly #commands: Line;
  readonly #pubsub: PubSub;
  readonly #events: SubscriptionEvents;
  readonly #checkpoint: Checkpoint;
  readonly #counts = new ChurnMap<number>();
  readonly #sent = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #leaving: Leaving;
  #joining: string[] = [];
  #reads: ((line: Line) => void)[] = [];
  #flushing = false;
  #protocol: 0 | 2 | 3 = 0;
  #epoch = 0;
  #answered: Promise<unknown> = Promise.resolve();
  readonly #unanswered = new Set<() => void>();

  constructor(listening: Line, commands: Line, pubsub: PubSub, events: SubscriptionEvents) {
    this.#redis = listening.redis;
    this.#listening = listening;
    this.#commands = commands;
    this.#pubsub = pubsub;
    this.#events = events;
    this.#checkpoint = new Checkpoint(listening, () => this.#flushSoon());
    this.#leaving = new Leaving(
      pubsub.leaving,
      () => !this.#checkpoint.shut,
      (channels) => this.#leave(channels),
    );
    this.#redis.on(pubsub.message, this.#onMessage);
    this.#redis.on('moved', this.#onMoved);
    this.#redis.on('ready', this.#onReady);
    this.#redis.on('close', this.#onClose);
    if (listening.ready) this.#onReady();
  }

  /** Distinct channels held. */
  get size(): number {
    return this.#counts.size;
  }
  get refusedCount(): number {
    return this.#refused.size;
  }

  /** Holds the channel once more; it is subscribed at the end of the tick, or with the next connection. */
  hold(channel: string): void {
    const count = this.#counts.get(channel) ?? 0;
    this.#counts.set(channel, count + 1);
    if (count > 0 || (this.#leaving.keep(channel) && this.#sent.has(channel))) return;
    this.#joining.push(channel);
    this.#flushSoon();
  }

  /** Runs the read behind the subscriptions held so far: what is published after it ran is heard. */
  read(read: (line: Line) => void): void {
    if (!this.#flushing && this.#protocol === 3 && !this.#checkpoint.shut) {
      read(this.#listening); // what it needs was sent before
      return;
    }
    this.#reads.push(read);
    this.#flushSoon();
    if (this.#reads.length >= MOST_READS && this.#protocol === 3) this.#flush();
  }

  /** The listening line, if it hears this channel, takes other commands too, and is idle. */
  ahead(channel: string): Ahead | undefined {
    const free = this.#protocol === 3 && this.#listening.idle && !this.#flushing && !this.#checkpoint.shut;
    return free && this.#sent.has(channel) ? { line: this.#listening, channel } : undefined;
  }

  release(channel: string): void {
    const count = (this.#counts.get(channel) ?? 0) - 1;
    if (count > 0) {
      this.#counts.set(channel, count);
      return;
    }
    this.#counts.delete(channel);
    this.#refused.delete(channel);
    if (this.#sent.has(channel)) this.#leaving.add(channel);
  }

  /** Holds these once each, as channels that were heard elsewhere before: tells when they are subscribed. */
  adopt(channels: readonly string[]): void {
    for (const channel of channels) {
      this.#counts.set(channel, 1);
      this.#leaving.keep(channel);
    }
    if (this.#protocol !== 0) void this.#restore(this.#epoch);
  }

  /** Lets go of channels that are this server's no longer. One that lost a shard's channels has ended them itself. */
  abandon(channels: readonly string[]): void {
    const { confusedByMoves } = this.#pubsub;
    for (const channel of channels) {
      this.#counts.delete(channel);
      this.#refused.delete(channel);
      if (confusedByMoves) this.#sent.delete(channel);
      else if (this.#sent.has(channel)) this.#leaving.add(channel);
    }
    if (!confusedByMoves) this.#leaving.go();
    else if (this.#protocol === 2) this.#redis.disconnect(true);
  }

  /** Subscribes anew what a server may have ended. */
  renew(): void {
    for (const channel of this.#sent) if (this.#pubsub.isHeard(channel) !== true) this.#sent.delete(channel);
    if (this.#protocol !== 0) void this.#restore(this.#epoch);
  }

  retryRefused(): void {
    for (const channel of this.#refused) if (!this.#sent.has(channel)) this.#joining.push(channel);
    if (this.#joining.length > 0) this.#flushSoon();
  }

  close(): void {
    this.#leaving.clear();
    this.#checkpoint.open();
    this.#epoch++;
    this.#redis.off(this.#pubsub.message, this.#onMessage);
    this.#redis.off('moved', this.#onMoved);
    this.#redis.off('ready', this.#onReady);
    this.#redis.off('close', this.#onClose);
  }

  readonly #onMessage = (channel: Buffer, payload: Buffer): void => {
    this.#events.message(channel.toString(), payload);
  };

  readonly #onMoved = (): void => {
    // Which it ended, nobody knows: what comes back is subscribed anew.
    for (const channel of this.#leaving.moved()) this.#sent.delete(channel);
    this.#pubsub.moved();
    this.#events.moved();
  };

  readonly #onReady = (): void => {
    const epoch = ++this.#epoch;
    this.#sent.clear();
    this.#leaving.clear();
    void protocolOf(this.#redis).then((protocol) => {
      if (epoch !== this.#epoch) return undefined;
      this.#protocol = protocol;
      this.#events.up();
      return this.#restore(epoch);
    });
  };

  readonly #onClose = (): void => {
    this.#epoch++;
    this.#protocol = 0;
    this.#sent.clear();
    this.#leaving.clear();
    for (const proceed of this.#unanswered) proceed();
    this.#checkpoint.open();
    this.#events.down();
  };

  async #restore(epoch: number): Promise<void> {
    const missing = [...this.#counts.keys()].filter((channel) => !this.#sent.has(channel));
    const { batch: most } = this.#pubsub;
    for (let at = 0; at < missing.length && epoch === this.#epoch; at += most) {
      const batch = missing.slice(at, at + most).filter((channel) => this.#counts.has(channel));
      await this.#checkpoint.passed();
      if (batch.length === 0 || epoch !== this.#epoch) continue;
      const granted = await this.#subscribe(batch);
      if (granted.length > 0 && epoch === this.#epoch) this.#events.restored(granted);
    }
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    process.nextTick(() => {
      this.#flush();
    });
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#checkpoint.shut) return; // it flushes when it opens
    const joining = this.#joining.filter((channel) => this.#counts.has(channel) && !this.#sent.has(channel));
    const reads = this.#reads;
    this.#joining = [];
    this.#reads = [];
    if (this.#protocol === 0) {
      for (const read of reads) read(this.#commands);
      return;
    }
    const send = (): void => {
      if (joining.length > 0) this.#answered = this.#subscribe(joining);
      if (this.#protocol === 3) for (const read of reads) read(this.#listening);
      else if (reads.length > 0) this.#readWhenAnswered(reads);
    };
    this.#listening.together(send, () => {
      this.#leaving.goAlong();
    });
  }

  #readWhenAnswered(reads: ((line: Line) => void)[]): void {
    const proceed = (): void => {
      if (!this.#unanswered.delete(proceed)) return;
      for (const read of reads) read(this.#commands);
    };
    this.#unanswered.add(proceed);
    void this.#answered.then(proceed);
  }

  /** Resolves with those that were granted. */
  async #subscribe(channels: readonly string[]): Promise<readonly string[]> {
    const epoch = this.#epoch;
    for (const channel of channels) this.#sent.add(channel);
    const { granted, refused, error } = await this.#pubsub.subscribe(channels);
    for (const channel of granted) if (this.#refused.delete(channel)) this.#events.restored([channel]);
    if (refused.length > 0 && epoch === this.#epoch) {
      const held = refused.filter((channel) => this.#counts.has(channel));
      for (const channel of refused) this.#sent.delete(channel);
      for (const channel of held) this.#refused.add(channel);
      if (held.length > 0 && error) this.#events.refused(held, error);
    }
    return granted;
  }

  #leave(channels: readonly string[]): void {
    if (this.#protocol === 0) return;
    for (const channel of channels) this.#sent.delete(channel);
    const checked = this.#protocol === 3 && this.#pubsub.confusedByMoves;
    this.#listening.together(() => {
      this.#pubsub.unsubscribe(channels);
      if (checked) this.#checkpoint.shutBehind();
    });
  }
}
