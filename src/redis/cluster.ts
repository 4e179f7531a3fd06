import type { Cluster, Redis } from 'ioredis';
import type { PublishVerb } from '../contract/scripts.js';
import { ClusterView } from './cluster-view.js';
import {
  addressOf,
  confirmingLike,
  LISTENING_TO_NODE,
  reachOf,
  type ConnectionOptions,
} from './connections.js';
import { streamOf } from './cork.js';
import { Line } from './line.js';
import { isPassing } from './recovery.js';
import { slotOf } from './slot.js';
import { SpreadListening } from './spread-listening.js';
import type { Listening, ListeningEvents, Topology } from './topology.js';

const TICK_MS = 250;
const AGAIN_MS = 100;
// How often CLUSTER SLOTS is asked: at most (with every tick, whatever an answer takes), while a node is not heard, and when all is well.
const [SOONEST_MS, IMPAIRED_MS, CALM_MS] = [200, 1_000, 5_000];
// A request that takes longer may be with a server that hangs and was replaced.
const SLOW_MS = 1_000;
const SHARDED_SINCE = 7;

/** A Redis Cluster: commands go where ioredis sends them, wake-ups come over connections of the broker's own to every node. */
export class ClusterTopology implements Topology {
  readonly commands: Line;
  readonly db = 0;
  readonly #cluster: Cluster;
  readonly #options: ConnectionOptions;
  readonly #lines = new Map<Redis, Line>();
  readonly #confirming = new Map<string, Line>();
  readonly #tick: NodeJS.Timeout;
  #publish: PublishVerb | undefined;
  #asking: Promise<PublishVerb> | undefined;
  #listening: SpreadListening | undefined;
  #askedAt = -Infinity;
  #arrangement: string | undefined;
  #wanted = false;
  #moved = false;

  constructor(cluster: Cluster, options: ConnectionOptions) {
    this.#cluster = cluster;
    this.#options = options;
    // What the library sends, a Cluster takes like a single server; it finds the node by the keys.
    this.commands = new Line(cluster as unknown as Redis, options.commandTimeoutMs, {
      reach: reachOf(options),
      batches: false,
      streams: () => cluster.nodes().map(streamOf),
      recovery: (error) => {
        if (!isPassing(error)) return undefined;
        this.#want();
        return AGAIN_MS * (0.75 + Math.random() / 2);
      },
    });
    cluster.on('refresh', this.#onRefresh);
    cluster.on('-node', this.#onNodeGone);
    this.#tick = setInterval(() => {
      this.#look();
    }, TICK_MS).unref();
  }

  readonly wakesAhead = false;

  get publish(): PublishVerb | undefined {
    return this.#publish;
  }

  async publishVerb(): Promise<PublishVerb> {
    if (this.#publish !== undefined) return this.#publish;
    this.#asking ??= this.#askVersions();
    try {
      return (this.#publish = await this.#asking);
    } finally {
      this.#asking = undefined;
    }
  }

  confirming(key: string): Line {
    const owner = this.#cluster.slots[slotOf(key)]?.[0];
    const node = owner === undefined ? undefined : this.#node(owner);
    if (owner === undefined || !node) throw new Error('CLUSTERDOWN no node serves the slot of this flow');
    let line = this.#confirming.get(owner);
    if (!line || line.redis.status === 'end') {
      line = new Line(confirmingLike(node, this.#options), this.#options.commandTimeoutMs, {
        batches: false,
      });
      this.#confirming.set(owner, line);
    }
    return line;
  }

  async masters(): Promise<readonly Line[]> {
    await this.commands.send((redis) => redis.ping()); // before that, no node is known
    return this.#cluster.nodes('master').map((redis) => this.#lineTo(redis));
  }

  listen(events: ListeningEvents): Listening {
    const { commandTimeoutMs, onError } = this.#options;
    const listening = new SpreadListening(
      {
        commands: this.commands,
        commandTimeoutMs,
        sharded: () => this.#publish === 'SPUBLISH',
        onError,
        open: (name) => {
          const [any] = this.#cluster.nodes();
          const like = this.#node(name) ?? any ?? (this.#cluster as unknown as Redis);
          return like.duplicate({ ...LISTENING_TO_NODE, ...addressOf(name) });
        },
        changed: (moved) => {
          this.#moved ||= moved;
          this.#want();
        },
      },
      events,
    );
    this.#listening = listening;
    void this.publishVerb().then(this.#onRefresh, () => undefined);
    return listening;
  }

  close(): void {
    clearInterval(this.#tick);
    this.#cluster.off('refresh', this.#onRefresh);
    this.#cluster.off('-node', this.#onNodeGone);
    this.commands.detach();
    for (const line of this.#lines.values()) line.detach();
    this.#lines.clear();
    for (const line of this.#confirming.values()) {
      line.detach();
      line.redis.disconnect();
    }
    if (!this.#options.borrowed) this.#cluster.disconnect();
  }

  readonly #onRefresh = (): void => {
    this.#askedAt = performance.now();
    const known = new Set(this.#cluster.nodes().map(nameOf));
    const view = new ClusterView(this.#cluster.slots, known, this.#options.beatChannel);
    // A master that hangs answers nothing and closes nothing: what it was asked, its successor is asked.
    if (view.signature !== this.#arrangement) this.commands.repeatOverdue();
    this.#arrangement = view.signature;
    if (!this.#listening) return;
    if (this.#publish === undefined) {
      void this.publishVerb().then(this.#onRefresh, () => undefined);
      return;
    }
    const followed = this.#listening.follow(view);
    if (!this.#moved) return;
    if (followed) {
      // More slots may have moved than whoever was asked knew of, and a node may know of its own later than others.
      this.#listening.retryRefused();
      this.#want();
      return;
    }
    // A slot that came back before it was seen to leave.
    this.#listening.renew();
    this.#moved = false;
  };

  readonly #onNodeGone = (redis: Redis): void => {
    this.#lines.delete(redis);
    this.#want();
  };

  #want(): void {
    this.#wanted = true;
    this.#look();
  }

  #look(): void {
    const since = performance.now() - this.#askedAt;
    const { status } = this.#cluster;
    if (since < SOONEST_MS || (status !== 'ready' && status !== 'connect')) return;
    const slow = this.commands.waitingMs > SLOW_MS || (this.#listening?.waitingMs ?? 0) > SLOW_MS;
    const due = this.#listening !== undefined && since > (this.#listening.impaired ? IMPAIRED_MS : CALM_MS);
    if (!this.#wanted && !slow && !due) return;
    this.#wanted = false;
    this.#askedAt = performance.now();
    this.#cluster.refreshSlotsCache((error) => {
      if (error) this.#wanted = true;
    });
  }

  /** Sharded channels where every master has them: one that has not could not publish. */
  async #askVersions(): Promise<PublishVerb> {
    const lines = await this.masters();
    const versions = await Promise.all(
      lines.map((line) =>
        line
          .send((redis) => redis.info('server'))
          .then(
            (text) => Number(/^redis_version:(\d+)/m.exec(text)?.[1] ?? SHARDED_SINCE),
            () => SHARDED_SINCE,
          ),
      ),
    );
    return Math.min(...versions) >= SHARDED_SINCE ? 'SPUBLISH' : 'PUBLISH';
  }

  #node(name: string): Redis | undefined {
    return this.#cluster.nodes().find((redis) => nameOf(redis) === name);
  }

  #lineTo(redis: Redis): Line {
    let line = this.#lines.get(redis);
    if (!line) {
      line = new Line(redis, this.#options.commandTimeoutMs);
      this.#lines.set(redis, line);
    }
    return line;
  }
}

function nameOf(redis: Redis): string {
  return `${redis.options.host ?? ''}:${String(redis.options.port ?? '')}`;
}
