import type { Redis } from 'ioredis';
import { confirmingLike, reachOf, type ConnectionOptions } from './connections.js';
import { Line } from './line.js';
import type { LineOptions } from './line-options.js';
import type { Listening, ListeningEvents, Topology } from './topology.js';

/** One server that takes all commands; what listens differs. */
export abstract class OneMaster implements Topology {
  readonly commands: Line;
  readonly db: number;
  readonly publish = 'PUBLISH';
  protected readonly options: ConnectionOptions;
  #confirming: Line | undefined;

  constructor(redis: Redis, options: ConnectionOptions, line: LineOptions = {}) {
    this.options = options;
    this.db = redis.options.db ?? 0;
    this.commands = new Line(redis, options.commandTimeoutMs, { reach: reachOf(options), ...line });
  }

  abstract readonly wakesAhead: boolean;

  abstract listen(events: ListeningEvents): Listening;

  publishVerb(): Promise<'PUBLISH'> {
    return Promise.resolve(this.publish);
  }

  confirming(): Line {
    this.#confirming ??= new Line(
      confirmingLike(this.commands.redis, this.options),
      this.options.commandTimeoutMs,
    );
    return this.#confirming;
  }

  masters(): readonly Line[] {
    return [this.commands];
  }

  close(): void {
    this.commands.detach();
    this.#confirming?.detach();
    this.#confirming?.redis.disconnect();
    if (!this.options.borrowed) this.commands.redis.disconnect();
  }

  /** What blocks there begins anew on whoever is the master now. */
  protected reconfirm(): void {
    this.#confirming?.redis.disconnect(true);
  }
}
