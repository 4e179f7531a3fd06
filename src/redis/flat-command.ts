import { Command, Redis } from 'ioredis';
import type { Argument } from '../contract/scripts.js';

/** Arguments that ioredis need not flatten: of a batch's hundreds, flattening takes longer than all else that is done to send them. */
export class Flat extends Array<Argument> {
  override flat(): never {
    return this as never;
  }
}

/** Sends a command as it stands; its reply comes as bytes. */
export function sendFlat(redis: Redis, name: string, args: Flat): Promise<unknown> {
  // A client of another copy of ioredis makes its own commands, and one that pipelines by itself puts them in order with the rest.
  if (!(redis instanceof Redis) || redis.options.enableAutoPipelining) return redis.callBuffer(name, ...args);
  return redis.sendCommand(new Command(name, args, { replyEncoding: null })) as Promise<unknown>;
}
