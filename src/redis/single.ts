import type { Redis } from 'ioredis';
import { own, LISTENING } from './connections.js';
import { Line } from './line.js';
import { OneMaster } from './one-master.js';
import { SingleListening } from './single-listening.js';
import type { Listening, ListeningEvents } from './topology.js';

/** One server: commands over one connection, a duplicate of it listens. */
export class SingleTopology extends OneMaster {
  #listening: Redis | undefined;

  /** What listens is a duplicate: where RESP2 was agreed on, it takes no other commands. */
  get wakesAhead(): boolean {
    const { condition } = this.commands.redis as unknown as { condition?: { protocol?: number } | null };
    return condition?.protocol === 3;
  }

  listen(events: ListeningEvents): Listening {
    const { commandTimeoutMs, beatChannel, onError } = this.options;
    this.#listening = this.commands.redis.duplicate(LISTENING);
    own(this.#listening, onError);
    const line = new Line(this.#listening, commandTimeoutMs, { elsewhere: this.commands });
    return new SingleListening(line, this.commands, beatChannel, events);
  }

  override close(): void {
    super.close();
    this.#listening?.disconnect();
  }
}
