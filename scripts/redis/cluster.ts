import { ask, eventually, oneEpoch } from './admin.js';
import { startNode } from './cluster-node.js';
import { findEngine } from './engine.js';
import type { RedisServer } from './server.js';

export const SLOTS = 16_384;
const FORMED_MS = 30_000;
const FAILOVER_MS = 6_000;

export interface ClusterOptions {
  /** Default 3. */
  readonly masters?: number;
  /** How many each master has; default 1. */
  readonly replicas?: number;
  /** More arguments for every server. */
  readonly args?: readonly string[];
}

/**
 * Starts a Redis Cluster of its own on 127.0.0.1 and resolves when every node serves and every replica is in sync. It is gone when
 * `stop()` resolves, and when this process ends in any other way.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 1, args = [] } = options;
  const engine = await findEngine();
  if (engine.kind !== 'binary')
    throw new Error(
      'a cluster needs redis-server on PATH: containers cannot reach each other’s loopback ports',
    );
  const servers: RedisServer[] = [];
  try {
    for (let at = 0; at < masters * (1 + replicas); at++) servers.push(await startNode(args));
    const cluster = new RedisCluster(servers);
    await form(cluster, masters);
    return cluster;
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()));
    throw error;
  }
}

async function form(cluster: RedisCluster, masters: number): Promise<void> {
  const { servers } = cluster;
  const [first, ...others] = servers;
  if (!first) return;
  await Promise.all(servers.map((server, at) => ask(server.port, 'CLUSTER', 'SET-CONFIG-EPOCH', at + 1)));
  await Promise.all(
    servers.slice(0, masters).map((server, at) => {
      const [from, to] = [Math.floor((SLOTS * at) / masters), Math.floor((SLOTS * (at + 1)) / masters)];
      const slots = Array.from({ length: to - from }, (_none, offset) => from + offset);
      return ask(server.port, 'CLUSTER', 'ADDSLOTS', ...slots);
    }),
  );
  for (const other of others) await ask(first.port, 'CLUSTER', 'MEET', '127.0.0.1', other.port);
  await eventually('every node knows every other', FORMED_MS, async () => {
    const known = await Promise.all(servers.map(({ port }) => cluster.describe(port)));
    return known.every(
      (nodes) => nodes.filter(({ flags }) => !flags.includes('handshake')).length === servers.length,
    );
  });
  const ids = await Promise.all(servers.map(({ port }) => ask(port, 'CLUSTER', 'MYID')));
  await Promise.all(
    servers
      .slice(masters)
      .map((server, at) => ask(server.port, 'CLUSTER', 'REPLICATE', String(ids[at % masters]))),
  );
  await cluster.healthy();
}

/** A node as another one describes it. */
export interface ClusterNode {
  readonly id: string;
  readonly port: number;
  readonly flags: readonly string[];
  /** The id of its master, or '-'. */
  readonly master: string;
  readonly slots: readonly (readonly [number, number])[];
}

/** A cluster that tests may fail over, reshard and hurt. */
export class RedisCluster {
  readonly servers: readonly RedisServer[];

  constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
  }

  /** Where a client may begin. */
  get nodes(): { host: string; port: number }[] {
    return this.servers.map(({ port }) => ({ host: '127.0.0.1', port }));
  }

  /** All nodes, as the one on `port` sees them. */
  async describe(port: number): Promise<ClusterNode[]> {
    const text = String(await ask(port, 'CLUSTER', 'NODES'));
    return text
      .trim()
      .split('\n')
      .map((line) => {
        const [id = '', address = '', flags = '', master = '', , , , , ...slots] = line.split(' ');
        const ranges = slots
          .filter((slot) => !slot.startsWith('['))
          .map((slot) => {
            const [from, to = from] = slot.split('-').map(Number);
            return [from, to] as [number, number];
          });
        return {
          id,
          port: Number(/:(\d+)@/.exec(address)?.[1]),
          flags: flags.split(','),
          master,
          slots: ranges,
        };
      });
  }

  /** All nodes, as the first that answers sees them. */
  async view(): Promise<ClusterNode[]> {
    for (const { port, running } of this.servers) {
      const nodes = running && (await this.describe(port).catch(() => undefined));
      if (nodes) return nodes;
    }
    throw new Error('no node of the cluster answers');
  }

  /** The server that owns a slot. */
  async ownerOf(slot: number): Promise<RedisServer> {
    const nodes = await this.view();
    const owner = nodes.find(
      ({ flags, slots }) => !flags.includes('fail') && slots.some(([from, to]) => from <= slot && slot <= to),
    );
    return this.#serverOn(owner?.port);
  }

  /** The servers that own slots, and live. */
  async masters(): Promise<RedisServer[]> {
    const nodes = await this.view();
    return nodes
      .filter(({ flags, slots }) => !flags.includes('fail') && slots.length > 0)
      .map(({ port }) => this.#serverOn(port));
  }

  /** A replica of this master. */
  async replicaOf(master: RedisServer): Promise<RedisServer> {
    const nodes = await this.view();
    const id = nodes.find(({ port }) => port === master.port)?.id;
    const replica = nodes.find((node) => node.master === id && !node.flags.includes('fail'));
    return this.#serverOn(replica?.port);
  }

  /** Makes a replica take its master's place by command; resolves when all nodes know. */
  async failover(master: RedisServer): Promise<RedisServer> {
    const replica = await this.replicaOf(master);
    let askedAt = -Infinity;
    await eventually(`CLUSTER FAILOVER to port ${String(replica.port)}`, FORMED_MS, async () => {
      if (await this.#isMaster(replica)) return true;
      // Under load the two may not come to terms within its 5 s, or come apart again: then it has to be asked for once more.
      if (performance.now() - askedAt < FAILOVER_MS) return false;
      askedAt = performance.now();
      await ask(replica.port, 'CLUSTER', 'FAILOVER');
      return false;
    });
    return replica;
  }

  /** Resolves when every living node takes this one for a master with slots. */
  async promoted(replica: RedisServer): Promise<void> {
    await eventually(`the promotion of port ${String(replica.port)}`, FORMED_MS, () =>
      this.#isMaster(replica),
    );
  }

  /** Moves a slot with its keys to another master, as resharding does. */
  async migrate(slot: number, to: RedisServer): Promise<void> {
    const from = await this.ownerOf(slot);
    if (from.port === to.port) return;
    const ids = new Map((await this.view()).map(({ port, id }) => [port, id]));
    await ask(to.port, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(ids.get(from.port)));
    await ask(from.port, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(ids.get(to.port)));
    for (;;) {
      const keys = (await ask(from.port, 'CLUSTER', 'GETKEYSINSLOT', slot, 200)) as string[];
      if (keys.length === 0) break;
      await ask(from.port, 'MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
    }
    const owner = String(ids.get(to.port));
    await oneEpoch(this.servers.map(({ port }) => port));
    await ask(to.port, 'CLUSTER', 'SETSLOT', slot, 'NODE', owner);
    await ask(from.port, 'CLUSTER', 'SETSLOT', slot, 'NODE', owner);
  }

  /** Resolves when all slots are served and every replica is in sync. */
  async healthy(): Promise<void> {
    await eventually('a healthy cluster', FORMED_MS, async () => {
      const states = await Promise.all(
        this.servers.map(async ({ port }) => {
          const info = String(await ask(port, 'CLUSTER', 'INFO'));
          const replication = String(await ask(port, 'INFO', 'replication'));
          return (
            info.includes('cluster_state:ok') &&
            info.includes(`cluster_slots_ok:${String(SLOTS)}`) &&
            (replication.includes('role:master') || replication.includes('master_link_status:up'))
          );
        }),
      );
      const views = await Promise.all(this.servers.map(({ port }) => this.describe(port)));
      const settled = ({ flags, slots }: ClusterNode): boolean =>
        !flags.some((flag) => /fail|handshake/.test(flag)) && (flags.includes('slave') || slots.length > 0);
      return states.every(Boolean) && views.every((nodes) => nodes.every(settled));
    });
  }

  /** Ends what is left of the servers. May be called twice. */
  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async #isMaster({ port: wanted }: RedisServer): Promise<boolean> {
    const living = this.servers.filter(({ running, frozen }) => running && !frozen);
    const views = await Promise.all(living.map(({ port }) => this.describe(port)));
    return views.every((nodes) =>
      nodes.some(({ port, flags, slots }) => port === wanted && flags.includes('master') && slots.length > 0),
    );
  }

  #serverOn(port: number | undefined): RedisServer {
    const server = this.servers.find((one) => one.port === port);
    if (!server) throw new Error('no such node is alive');
    return server;
  }
}
