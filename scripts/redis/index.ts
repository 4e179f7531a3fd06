export { acquireRedis, type AcquiredRedis } from './acquire.js';
export { ask, eventually } from './admin.js';
export { startCluster, type ClusterOptions, type RedisCluster } from './cluster.js';
export { findEngine, type Engine } from './engine.js';
export { freePort } from './port.js';
export { startRedis, type RedisServer, type ServerOptions } from './server.js';
export { startSentinel, type RedisSentinel, type SentinelOptions } from './sentinel.js';
