import { Command, Redis } from 'ioredis';
import type { Argument } from '../contract/scripts.js';

/** Arguments that ioredis need not flatten: of a batch's hundreds, flattening takes longer than all else that is done to send them. */
export type Flat = Argument[] & { flat: () => never };

// As a property: an array of a class of its own takes four times as long to make.
const itself = function (this: Flat): never {
  return this as never;
};

export function flat(args: Argument[]): Flat {
  return Object.assign(args, { flat: itself });
}

/** Written at once: ioredis adds up five texts an argument, which all have to be put together later. */
class FlatCommand extends Command {
  override toWritable(socket: object): string | Buffer {
    const { name } = this;
    const args = this.args as readonly Argument[];
    const parts = new Array<string>(2 * args.length + 4).fill('');
    parts[0] = `*${String(args.length + 1)}`;
    parts[1] = `$${String(name.length)}`;
    parts[2] = name;
    let at = 3;
    for (const argument of args) {
      if (typeof argument !== 'string') return super.toWritable(socket);
      parts[at++] = `$${String(Buffer.byteLength(argument))}`;
      parts[at++] = argument;
    }
    return parts.join('\r\n');
  }
}

type Untyped = Record<'evalBuffer' | 'evalshaBuffer', (...args: Argument[]) => Promise<unknown>>;

/** Runs a script by its hash or its text, which stands first; its reply comes as bytes. */
export function sendFlat(redis: Redis, name: 'evalsha' | 'eval', args: Flat): Promise<unknown> {
  if (redis instanceof Redis)
    return redis.sendCommand(new FlatCommand(name, args, { replyEncoding: null })) as Promise<unknown>;
  // A client of another copy of ioredis makes its own commands. Where it pipelines by itself, `callBuffer` would lose the name.
  return (redis as Untyped)[name === 'eval' ? 'evalBuffer' : 'evalshaBuffer'](...args);
}

/** Subscribes these channels, or ends that. */
export function sendChannels(
  redis: Redis,
  name: 'subscribe' | 'unsubscribe',
  channels: readonly string[],
): Promise<unknown> {
  if (redis instanceof Redis)
    return redis.sendCommand(new FlatCommand(name, flat([...channels]))) as Promise<unknown>;
  return (redis as Pick<Redis, typeof name>)[name](...channels);
}
