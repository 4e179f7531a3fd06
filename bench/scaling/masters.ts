import { Redis } from 'ioredis';
import type { RedisCluster } from '../../scripts/redis/index.js';

/** What all masters together counted and hold. CPU in microseconds. */
export interface Counted {
  readonly cpuUs: number;
  readonly commands: number;
  readonly bytes: number;
  readonly memory: number;
  readonly channels: number;
  readonly clients: number;
}

// What clients send; what scripts call inside is not sent.
const SENT =
  /^cmdstat_(?:evalsha|eval|ping|publish|spublish|subscribe|ssubscribe|unsubscribe|sunsubscribe|cluster\|\w+):calls=(\d+)/gm;

/** The masters of a cluster, and a connection to each that asks what it did. */
export class Masters {
  readonly #admins: readonly Redis[];

  constructor({ servers }: RedisCluster) {
    this.#admins = servers.map(({ port }) => new Redis(port));
  }

  async counted(): Promise<Counted> {
    const each = await Promise.all(this.#admins.map(countedBy));
    const sum = (name: keyof Counted): number => each.reduce((total, one) => total + one[name], 0);
    return {
      cpuUs: sum('cpuUs'),
      commands: sum('commands'),
      bytes: sum('bytes'),
      memory: sum('memory'),
      channels: sum('channels'),
      clients: sum('clients'),
    };
  }

  /** Ends every connection of a client but these. */
  async cut(): Promise<void> {
    await Promise.all(
      this.#admins.flatMap((admin) =>
        ['normal', 'pubsub'].map((type) => admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')),
      ),
    );
  }

  close(): void {
    for (const admin of this.#admins) admin.disconnect();
  }
}

async function countedBy(admin: Redis): Promise<Counted> {
  const info = await admin.info('everything');
  const of = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1] ?? 0);
  return {
    cpuUs: (of('used_cpu_user') + of('used_cpu_sys')) * 1e6,
    commands: [...info.matchAll(SENT)].reduce((sum, [, calls]) => sum + Number(calls), 0),
    bytes: of('total_net_input_bytes') + of('total_net_output_bytes'),
    memory: of('used_memory'),
    channels: of('pubsubshard_channels'),
    clients: of('connected_clients') - 1,
  };
}
