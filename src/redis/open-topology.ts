import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import { FlowInvalidArgumentError } from '../errors.js';
import type { ClusterTarget } from '../options.js';
import { ClusterTopology } from './cluster.js';
import { COMMANDING, own, SILENCE_MS, type ConnectionOptions } from './connections.js';
import { SentinelTopology } from './sentinel.js';
import { endWhenSilent } from './silence.js';
import { SingleTopology } from './single.js';
import type { Topology } from './topology.js';

type TopologyOptions = Omit<ConnectionOptions, 'borrowed' | 'lastError'>;

const WANTED =
  'a URL that starts with redis://, rediss:// or unix://, ioredis options, { cluster: [nodes] }, { sentinels, name }, or an ioredis Redis or Cluster';

// A failover takes seconds; commands ride it out as long as they have time.
const CLUSTERING = {
  maxRedirections: 60,
  retryDelayOnFailover: 250,
  retryDelayOnClusterDown: 250,
  retryDelayOnTryAgain: 50,
  retryDelayOnMoved: 5,
  slotsRefreshTimeout: 500, // a node that hangs is passed over
  clusterRetryStrategy: (times: number) => Math.min(times * 50, 1_000) * (0.5 + Math.random()),
} satisfies ClusterOptions;

/** Opens connections for a URL or options, or borrows an ioredis instance. Refuses what cannot work, at once and by name. */
export function openTopology(target: unknown, given: TopologyOptions): Topology {
  let last: Error | undefined;
  const options = {
    ...given,
    lastError: () => last,
    onError: (error: Error) => {
      last = error;
      given.onError(error);
    },
  };
  if (isInstance(target)) {
    const borrowing = { ...options, borrowed: true };
    if (target instanceof Cluster || (target as { isCluster?: unknown }).isCluster === true) {
      const cluster = target as unknown as Cluster;
      checkCluster(cluster.options);
      return new ClusterTopology(cluster, borrowing);
    }
    checkRedis(target.options);
    return target.options.sentinels
      ? new SentinelTopology(target, borrowing)
      : new SingleTopology(target, borrowing);
  }
  const owned = { ...options, borrowed: false };
  const commanding = { ...COMMANDING, connectTimeout: options.connectTimeoutMs };
  if (typeof target === 'string') {
    if (!/^(rediss?|unix):\/\/./.test(target))
      throw new FlowInvalidArgumentError(`redis must be ${WANTED}, got another string`);
    return new SingleTopology(owning(new Redis(target, commanding), options), owned);
  }
  if (typeof target !== 'object' || target === null || Array.isArray(target))
    throw new FlowInvalidArgumentError(`redis must be ${WANTED}`);
  if ('cluster' in target) return openCluster(target as ClusterTarget, owned);
  checkRedis(target);
  if (!('sentinels' in target))
    return new SingleTopology(owning(new Redis({ ...commanding, ...target }), options), owned);
  checkSentinels(target as RedisOptions);
  return new SentinelTopology(
    owning(new Redis({ ...commanding, failoverDetector: true, ...(target as object) }), options),
    owned,
  );
}

function openCluster(target: ClusterTarget, options: ConnectionOptions): Topology {
  const { cluster: nodes, natMap, dnsLookup, ...redisOptions } = target;
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw new FlowInvalidArgumentError(
      'redis.cluster must be an array of at least one node: { host, port } or a URL',
    );
  checkCluster({ redisOptions });
  // The Cluster itself decides when a node is tried again.
  const { retryStrategy: _retryStrategy, ...commanding } = COMMANDING;
  const cluster = new Cluster([...(nodes as ClusterTarget['cluster'])], {
    ...CLUSTERING,
    ...(natMap === undefined ? {} : { natMap }),
    ...(dnsLookup === undefined ? {} : { dnsLookup }),
    redisOptions: { ...commanding, connectTimeout: options.connectTimeoutMs, ...redisOptions } as object,
  });
  cluster.on('error', options.onError);
  cluster.on('node error', options.onError);
  cluster.on('+node', (node: Redis) => {
    endWhenSilent(node, SILENCE_MS);
  });
  return new ClusterTopology(cluster, options);
}

function owning(redis: Redis, { onError }: TopologyOptions): Redis {
  own(redis, onError);
  return redis;
}

function checkRedis({ keyPrefix }: RedisOptions): void {
  if (keyPrefix === undefined || keyPrefix === '') return;
  throw new FlowInvalidArgumentError(
    `redis must have no keyPrefix (it has ${JSON.stringify(keyPrefix)}): ioredis rewrites keys with it, but not channels; use the option prefix`,
  );
}

function checkCluster(options: ClusterOptions): void {
  const { keyPrefix, redisOptions = {} } = options;
  checkRedis({ ...(keyPrefix === undefined ? {} : { keyPrefix }) });
  checkRedis(redisOptions);
  const { db } = redisOptions as RedisOptions;
  if (db !== undefined && db !== 0)
    throw new FlowInvalidArgumentError(
      `redis.db must be 0 in a Cluster, which has no other, got ${String(db)}`,
    );
}

function checkSentinels({ sentinels, name }: RedisOptions): void {
  if (!Array.isArray(sentinels) || sentinels.length === 0)
    throw new FlowInvalidArgumentError('redis.sentinels must be an array of at least one { host, port }');
  if (typeof name !== 'string' || name === '')
    throw new FlowInvalidArgumentError('redis.name must name the group that the Sentinels watch');
}

function isInstance(target: unknown): target is Redis {
  if (typeof target !== 'object' || target === null) return false;
  const { duplicate, status } = target as { duplicate?: unknown; status?: unknown };
  return typeof duplicate === 'function' && typeof status === 'string';
}
