import type { Redis } from 'ioredis';
import { confirmingLike, own, LISTENING, reachOf, type ConnectionOptions } from './connections.js';
import { Line } from './line.js';
import { SingleListening } from './single-listening.js';
import type { Listening, ListeningEvents, Topology } from './topology.js';

/** One server: commands over one connection, a duplicate of it listens. */
export class SingleTopology implements Topology {
  readonly commands: Line;
  readonly db: number;
  readonly publish = 'PUBLISH';
  readonly #options: ConnectionOptions;
  #listening: Redis | undefined;
  #confirming: Line | undefined;

  constructor(redis: Redis, options: ConnectionOptions) {
    this.#options = options;
    this.db = redis.options.db ?? 0;
    this.commands = new Line(redis, options.commandTimeoutMs, { reach: reachOf(options) });
  }

  publishVerb(): Promise<'PUBLISH'> {
    return Promise.resolve(this.publish);
  }

  confirming(): Line {
    this.#confirming ??= new Line(
      confirmingLike(this.commands.redis, this.#options),
      this.#options.commandTimeoutMs,
    );
    return this.#confirming;
  }

  masters(): readonly Line[] {
    return [this.commands];
  }

  listen(events: ListeningEvents): Listening {
    const { commandTimeoutMs, beatChannel, onError } = this.#options;
    this.#listening = this.commands.redis.duplicate(LISTENING);
    own(this.#listening, onError);
    const line = new Line(this.#listening, commandTimeoutMs);
    return new SingleListening(line, this.commands, beatChannel, events);
  }

  close(): void {
    this.commands.detach();
    this.#confirming?.detach();
    this.#confirming?.redis.disconnect();
    this.#listening?.disconnect();
    if (!this.#options.borrowed) this.commands.redis.disconnect();
  }
}
