import type { Redis } from 'ioredis';
import { sendChannels } from './flat-command.js';
import type { LeavingLimits } from './leaving.js';
import type { Line } from './line.js';

/** What came of subscribing to some channels. */
export interface Subscribed {
  readonly granted: readonly string[];
  readonly refused: readonly string[];
  /** Why those were refused; undefined where they belong to another node now. */
  readonly error: Error | undefined;
}

/** One kind of pub/sub on one connection. Never use both kinds on the same: ioredis then drops messages. */
export interface PubSub {
  readonly message: 'messageBuffer' | 'smessageBuffer';
  /** How many channels to restore at a time: so many hold up nothing else that this process is told. */
  readonly batch: number;
  /** Never rejects. */
  subscribe(channels: readonly string[]): Promise<Subscribed>;
  unsubscribe(channels: readonly string[]): void;
  /** Whether the server has said that it subscribed this channel, and not since that it ended that; undefined where nothing tells. */
  isHeard(channel: string): boolean | undefined;
  readonly leaving: LeavingLimits;
  /** Whether ioredis may take the server's own word that channels moved for the answer to something else (measured: 5 on RESP2, 6 on RESP3). */
  readonly confusedByMoves: boolean;
  /** The server says that channels moved away: what is under way may never be answered. */
  moved(): void;
}

/** Channels that every server of the group hears. */
export class PlainPubSub implements PubSub {
  readonly message = 'messageBuffer';
  readonly batch = 500;
  readonly leaving = { along: 4, most: 256, afterMs: 10 };
  readonly confusedByMoves = false;
  readonly #line: Line;

  constructor(line: Line) {
    this.#line = line;
  }

  async subscribe(channels: readonly string[]): Promise<Subscribed> {
    try {
      await this.#line.post((redis) => sendChannels(redis, 'subscribe', channels));
      return { granted: channels, refused: [], error: undefined };
    } catch (error) {
      return { granted: [], refused: channels, error: error as Error };
    }
  }

  unsubscribe(channels: readonly string[]): void {
    // A connection that closes has left its channels anyway.
    this.#line.post((redis) => sendChannels(redis, 'unsubscribe', channels)).catch(() => undefined);
  }

  isHeard(): undefined {
    return undefined;
  }

  moved(): void {
    // No channel belongs to one server.
  }
}

/** What ioredis notes of a connection. */
interface Condition {
  readonly subscriber?:
    false | { readonly set?: { readonly ssubscribe?: Readonly<Record<string, unknown>> } };
}

/** Channels that live on one shard of a Cluster. */
export class ShardedPubSub implements PubSub {
  readonly message = 'smessageBuffer';
  readonly batch = 64; // a command each
  // One that coincides with a slot's move costs the connection, and each holds up what is sent behind: seldom, then, and many.
  readonly leaving = { along: Infinity, most: 1_024, afterMs: 1_000 };
  readonly confusedByMoves = true;
  readonly #line: Line;
  readonly #underWay = new Set<() => void>();

  constructor(line: Line) {
    this.#line = line;
  }

  async subscribe(channels: readonly string[]): Promise<Subscribed> {
    const [granted, refused]: [string[], string[]] = [[], []];
    let why: Error | undefined;
    // One command takes the channels of one slot only.
    await Promise.all(
      channels.map(async (channel) => {
        const error = await this.#subscribeOne(channel);
        if (error === undefined) granted.push(channel);
        else refused.push(channel);
        if (error && !error.message.startsWith('MOVED')) why ??= error;
      }),
    );
    return { granted, refused, error: why };
  }

  unsubscribe(channels: readonly string[]): void {
    for (const channel of channels)
      this.#line.post((redis) => redis.sunsubscribe(channel)).catch(() => undefined);
  }

  isHeard(channel: string): boolean | undefined {
    const { condition } = this.#line.redis as unknown as { readonly condition?: Condition | null };
    const channels = condition?.subscriber ? condition.subscriber.set?.ssubscribe : undefined;
    return channels && channel in channels;
  }

  moved(): void {
    for (const giveUp of this.#underWay) giveUp();
  }

  // ioredis 5 never answers an SSUBSCRIBE that was MOVED, but for an event.
  #subscribeOne(channel: string): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const done = (error?: Error): void => {
        this.#underWay.delete(giveUp);
        resolve(error);
      };
      const giveUp = (): void => {
        done(new Error('MOVED'));
      };
      this.#underWay.add(giveUp);
      this.#line
        .post((redis) => redis.ssubscribe(channel))
        .then(() => {
          done();
        }, done);
    });
  }
}

/** What the server and ioredis agreed to speak. */
export async function protocolOf(redis: Redis): Promise<2 | 3> {
  try {
    const hello = (await redis.call('HELLO')) as unknown[];
    return Number(hello[hello.indexOf('proto') + 1]) === 3 ? 3 : 2;
  } catch {
    return 2;
  }
}
