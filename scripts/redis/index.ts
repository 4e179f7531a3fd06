export { acquireRedis, type AcquiredRedis } from './acquire.js';
export { findEngine, type Engine } from './engine.js';
export { freePort } from './port.js';
export { startRedis, type RedisServer, type ServerOptions } from './server.js';
