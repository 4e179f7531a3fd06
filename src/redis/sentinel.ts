import type { Redis } from 'ioredis';
import { addressOf, LISTENING_TO_NODE, type ConnectionOptions } from './connections.js';
import { OneMaster } from './one-master.js';
import { isPassing } from './recovery.js';
import { SentinelGroup, type Members } from './sentinel-group.js';
import { SpreadListening, type View } from './spread-listening.js';
import type { Listening, ListeningEvents } from './topology.js';

const TICK_MS = 250;
const AGAIN_MS = 100;
// How often Sentinel is asked: while something is amiss, and when all is well.
const [SOONEST_MS, CALM_MS] = [500, 2_000];
const SLOW_MS = 1_000;

/** A master and its replicas under Sentinel: commands go to the master, wake-ups come from all of them. */
export class SentinelTopology extends OneMaster {
  readonly wakesAhead = false;
  readonly #redis: Redis;
  readonly #group: SentinelGroup;
  readonly #tick: NodeJS.Timeout;
  #listening: SpreadListening | undefined;
  #master: string | undefined;
  #askedAt = -Infinity;
  #asking = false;
  #closed = false;

  constructor(redis: Redis, options: ConnectionOptions) {
    super(redis, options, {
      recovery: (error) => {
        if (!isPassing(error)) return undefined;
        // It was the master; Sentinel knows who is now.
        if (error.message.startsWith('READONLY') && redis.status === 'ready') redis.disconnect(true);
        return AGAIN_MS * (0.75 + Math.random() / 2);
      },
    });
    this.#redis = redis;
    this.#group = new SentinelGroup(redis.options, options.onError);
    this.#tick = setInterval(() => {
      this.#look();
    }, TICK_MS).unref();
  }

  listen(events: ListeningEvents): Listening {
    const { commandTimeoutMs, onError } = this.options;
    this.#listening = new SpreadListening(
      {
        commands: this.commands,
        commandTimeoutMs,
        sharded: () => false,
        onError,
        open: (name) => {
          // Without Sentinels it connects to this very server, whatever its role.
          return this.#redis.duplicate({ ...LISTENING_TO_NODE, ...NO_SENTINELS, ...addressOf(name) });
        },
        changed: () => {
          this.#look();
        },
      },
      events,
    );
    this.#look();
    return this.#listening;
  }

  override close(): void {
    this.#closed = true;
    clearInterval(this.#tick);
    this.#group.close();
    super.close();
  }

  #look(): void {
    const since = performance.now() - this.#askedAt;
    if (this.#asking || this.#closed || since < SOONEST_MS) return;
    const listening = this.#listening;
    const slow = this.commands.waitingMs > SLOW_MS || (listening?.waitingMs ?? 0) > SLOW_MS;
    if (!slow && !(listening && (listening.impaired || since > CALM_MS))) return;
    this.#askedAt = performance.now();
    this.#asking = true;
    void this.#group.members().then((members) => {
      this.#asking = false;
      if (this.#closed) this.#group.close();
      else if (members) this.#follow(members);
    });
  }

  #follow(members: Members): void {
    const [master] = members;
    const before = this.#master;
    this.#master = master;
    if (before !== undefined && before !== master) this.#leave(before);
    this.#listening?.follow(new GroupView(members, this.options.beatChannel));
  }

  /** What is being asked of a server that hangs, or is no master any more, is asked of its successor. */
  #leave(before: string): void {
    const { remoteAddress, remotePort } =
      (this.#redis as unknown as { stream?: Partial<Stream> }).stream ?? {};
    const there = before.endsWith(`:${String(remotePort)}`);
    this.reconfirm();
    if (there && this.#redis.status === 'ready') {
      this.options.onError(
        new Error(`${String(remoteAddress)}:${String(remotePort)} is no longer the master`),
      );
      this.#redis.disconnect(true);
    }
  }
}

const NO_SENTINELS = { sentinels: undefined } as unknown as { readonly sentinels?: [] };

interface Stream {
  readonly remoteAddress: string;
  readonly remotePort: number;
}

/** Every channel is heard on every server: what is published on the master is replicated. */
class GroupView implements View {
  readonly signature: string;
  readonly nodes: Members;
  readonly #beatBase: string;

  constructor(members: Members, beatBase: string) {
    this.signature = members.join();
    this.nodes = members;
    this.#beatBase = beatBase;
  }

  placesOf(): Members {
    return this.nodes;
  }

  beatChannelOf(node: string): string {
    return `${this.#beatBase}:${node}`;
  }
}
