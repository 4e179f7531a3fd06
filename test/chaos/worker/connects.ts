import { Redis } from 'ioredis';
import type { Recorder } from './recorder.js';

/** Has every attempt to connect recorded, of each connection that the library opens. */
export function recordConnects(recorder: Recorder): void {
  const original = Redis.prototype.connect;
  const ids = new WeakMap<Redis, number>();
  let connections = 0;
  Redis.prototype.connect = function connect(this: Redis, ...rest) {
    const connection = ids.get(this) ?? ++connections;
    ids.set(this, connection);
    recorder.write({ kind: 'connect', at: recorder.now(), connection });
    return original.apply(this, rest);
  };
}
