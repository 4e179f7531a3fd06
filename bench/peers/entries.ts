export type Work = 'wake' | 'throughput' | 'single-flight' | 'handoff' | 'cost' | 'growth' | 'idle';

export const WORKS: readonly Work[] = [
  'wake',
  'throughput',
  'single-flight',
  'handoff',
  'cost',
  'growth',
  'idle',
];

/** Who takes part in what, and why not in the rest. */
export interface Entry {
  readonly name: string;
  /** The packages whose versions the page names; the first names the contender. */
  readonly packages: readonly string[];
  readonly runs: 'node' | 'java' | 'go';
  readonly what: string;
  readonly works: readonly Work[];
  readonly whyNotMore: string;
  /** Waits by polling, up to so many ms: its flows are waited for many at a time, and fewer of them. */
  readonly pollMs?: number;
  /** The most idle waiters that it is given, where more would take all of a core. */
  readonly mostWaiters?: number;
}

const FLOWS: readonly Work[] = ['wake', 'throughput', 'cost', 'growth'];
const LOCKS: readonly Work[] = ['single-flight', 'handoff'];
const NO_WAITING = 'waits for a lock, not for an outcome that another process gives: no rendezvous';
const CACHE =
  'shares a function’s result, never one that another process gives, and excludes nobody: neither rendezvous nor handoff';

export const ENTRIES: readonly Entry[] = [
  {
    name: 'flowbroker',
    packages: ['flowbroker', 'ioredis'],
    runs: 'node',
    what: 'open + complete; run; broker.lease',
    works: [...FLOWS, ...LOCKS, 'idle'],
    whyNotMore: '',
  },
  {
    name: 'floor',
    packages: ['ioredis'],
    runs: 'node',
    what: 'by hand on ioredis: SET NX, SET XX, PUBLISH and a subscription, each awaited',
    works: [...FLOWS, ...LOCKS],
    whyNotMore:
      'it loses what is said while its connection is down, so idle waiting through a cut is not for it',
  },
  {
    name: 'publish',
    packages: ['ioredis'],
    runs: 'node',
    what: 'one bare PUBLISH and its message; nothing is stored',
    works: ['wake'],
    whyNotMore: 'there is nothing to it but a message',
  },
  {
    name: 'bullmq',
    packages: ['bullmq', 'ioredis'],
    runs: 'node',
    what: 'a job, waitUntilFinished and QueueEvents; a job id added once; global concurrency 1',
    works: [...FLOWS, ...LOCKS],
    whyNotMore: '',
  },
  {
    name: 'polling',
    packages: ['keyv', '@keyv/redis'],
    runs: 'node',
    what: 'a manager as found in the wild: get, 250 ms, get, set; a look every 2 s',
    works: [...FLOWS, 'single-flight'],
    whyNotMore: 'excludes nobody: no handoff',
    pollMs: 2_000,
    mostWaiters: 10_000,
  },
  {
    name: 'redlock',
    packages: ['redlock', 'ioredis'],
    runs: 'node',
    what: 'using, around a cached read',
    works: LOCKS,
    whyNotMore: NO_WAITING,
  },
  {
    name: 'redis-semaphore',
    packages: ['redis-semaphore', 'ioredis'],
    runs: 'node',
    what: 'Mutex, around a cached read',
    works: LOCKS,
    whyNotMore: NO_WAITING,
  },
  {
    name: 'redlock-universal',
    packages: ['redlock-universal', 'ioredis'],
    runs: 'node',
    what: 'using, around a cached read',
    works: LOCKS,
    whyNotMore: NO_WAITING,
  },
  {
    name: 'bentocache',
    packages: ['bentocache', 'ioredis'],
    runs: 'node',
    what: 'getOrSet, memory and Redis with a bus',
    works: ['single-flight'],
    whyNotMore: CACHE,
  },
  {
    name: 'async-cache-dedupe',
    packages: ['async-cache-dedupe', 'ioredis'],
    runs: 'node',
    what: 'a defined function, storage redis',
    works: ['single-flight'],
    whyNotMore: CACHE,
  },
  {
    name: 'cacheable',
    packages: ['cacheable', '@keyv/redis'],
    runs: 'node',
    what: 'getOrSet, memory and Redis',
    works: ['single-flight'],
    whyNotMore: CACHE,
  },
  {
    name: 'node-idempotency',
    packages: ['@node-idempotency/core', '@node-idempotency/storage-adapter-redis'],
    runs: 'node',
    what: 'onRequest, told to wait for what is under way; onResponse',
    works: ['single-flight'],
    whyNotMore: CACHE,
  },
  {
    name: 'redisson',
    packages: ['org.redisson:redisson'],
    runs: 'java',
    what: 'RBucket and RTopic; RLock, around a cached read',
    works: ['wake', 'throughput', ...LOCKS],
    whyNotMore:
      'cost and growth are figures of one runtime: a JVM’s heap and CPU say nothing about its waiters beside Node’s',
  },
  {
    name: 'rueidislock',
    packages: ['github.com/redis/rueidis'],
    runs: 'go',
    what: 'WithContext, woken by client-side caching, around a cached read',
    works: LOCKS,
    whyNotMore: NO_WAITING,
  },
];
