import { once } from 'node:events';
import { type Redis } from 'ioredis';
import { type Variant } from './variants.js';

/** Hears what is published on channels, and can say for sure that nothing was. */
export class Subscriber {
  /** All that was ever heard, as it came. */
  readonly order: { readonly channel: string; readonly message: string }[] = [];
  readonly #heard = new Map<string, string[]>();
  readonly #sharded: boolean;
  #sentinels = 0;

  constructor(
    readonly connection: Redis,
    readonly publisher: Redis,
    variant: Pick<Variant, 'publish'>,
  ) {
    this.#sharded = variant.publish === 'SPUBLISH';
    connection.on(this.#sharded ? 'smessageBuffer' : 'messageBuffer', (channel: Buffer, message: Buffer) => {
      const said = { channel: channel.toString('latin1'), message: message.toString('latin1') };
      this.order.push(said);
      this.#heard.get(said.channel)?.push(said.message);
      connection.emit('heard', said.message);
    });
  }

  async listen(channel: string): Promise<void> {
    this.#heard.set(latin1(channel), []);
    await (this.#sharded ? this.connection.ssubscribe(channel) : this.connection.subscribe(channel));
  }

  async leave(channel: string): Promise<void> {
    this.#heard.delete(latin1(channel));
    await (this.#sharded ? this.connection.sunsubscribe(channel) : this.connection.unsubscribe(channel));
  }

  /** All messages since the last call. What was published before this call comes before the sentinel it waits for. */
  async drain(channel: string): Promise<string[]> {
    const sentinel = `sentinel ${++this.#sentinels}`;
    const heard = this.#heard.get(latin1(channel))!;
    await this.publisher.call(this.#sharded ? 'SPUBLISH' : 'PUBLISH', channel, sentinel);
    while (!heard.includes(sentinel)) await once(this.connection, 'heard');
    return heard.splice(0, heard.length).filter((message) => message !== sentinel);
  }
}

function latin1(channel: string): string {
  return Buffer.from(channel).toString('latin1');
}
