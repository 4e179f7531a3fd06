import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster, type RedisCluster } from '../../scripts/redis/index.js';
import { Masters, type Counted } from './masters.js';
import type { Fleet, Load } from './model.js';
import { Replica, type Usage } from './replica.js';

export interface Windows {
  /** How long each process works by itself before anything is measured: until its code is compiled. */
  readonly warmMs: number;
  readonly idleMs: number;
  readonly rereadMs: number;
  readonly flowMs: number;
  readonly rate: number;
}

/** What a window of time took, all masters and all processes together. */
export interface Took extends Counted {
  readonly ms: number;
  readonly clientCpuUs: number;
  readonly rereads: number;
  readonly heard: number;
}

/** The same fleet doing nothing, waiting, working, and coming back. */
export interface Observed {
  readonly fleet: Fleet;
  /** The masters before there was a process. */
  readonly alone: Took;
  readonly idle: Took;
  readonly waiting: Took;
  readonly working: Took;
  readonly cut: Took & { readonly resubscribedMs: number; readonly rereadMs: number };
  readonly serverMemory: number;
  readonly clientMemory: number;
  readonly channels: number;
  readonly connections: number;
}

const GIVE_UP_MS = 120_000;
const WARM_RATE = 500;

/** Starts a cluster and a fleet on it, and watches what it takes. */
export async function observe(
  fleet: Fleet,
  windows: Windows,
  told: (what: string) => void,
): Promise<Observed> {
  told('starting');
  // A node that met no other does not know its own address.
  const args = ['--cluster-announce-ip', '127.0.0.1'];
  const cluster = await startCluster({ masters: fleet.masters, replicas: 0, args });
  const masters = new Masters(cluster);
  const replicas: Replica[] = [];
  try {
    const watching = new Watching(fleet, windows, masters, replicas, told);
    const alone = await watching.during(() => sleep(windows.idleMs));
    await start(cluster, fleet, replicas);
    return { ...(await watching.all()), alone };
  } finally {
    await Promise.all(replicas.map((replica) => replica.stop()));
    masters.close();
    await cluster.stop();
  }
}

async function start({ servers }: RedisCluster, fleet: Fleet, replicas: Replica[]): Promise<void> {
  const ports = servers.map(({ port }) => port);
  while (replicas.length < fleet.processes) replicas.push(await Replica.start(ports, fleet.rereadMs));
}

class Watching {
  constructor(
    readonly fleet: Fleet,
    readonly windows: Windows,
    readonly masters: Masters,
    readonly replicas: readonly Replica[],
    readonly told: (what: string) => void,
  ) {}

  async all(): Promise<Omit<Observed, 'alone'>> {
    const { fleet, windows, replicas } = this;
    const each = fleet.waiters / fleet.processes;
    // One waiter each: the broker listens, and beats, only once something waits.
    await Promise.all(
      replicas.map((replica, at) =>
        replica.ask({ do: 'hold', label: `first-${String(at)}`, count: 1, overMs: 1 }),
      ),
    );
    await this.warm();
    this.told('idling');
    const idle = await this.during(() => sleep(windows.idleMs));

    this.told(`opening ${String(fleet.waiters)} waiters`);
    const [before, used] = [await this.masters.counted(), await this.memory()];
    await Promise.all(
      replicas.map((replica, at) =>
        replica.ask({ do: 'hold', label: `held-${String(at)}`, count: each, overMs: 2 * fleet.rereadMs }),
      ),
    );
    await sleep(fleet.rereadMs * 1.25); // from then on as many are read again in any second
    const [after, using] = [await this.masters.counted(), await this.memory()];
    this.told('waiting');
    const waiting = await this.during(() => sleep(windows.rereadMs));
    this.told(`working at ${String(fleet.flows)} flows a second`);
    const working = await this.during(() => this.pace());
    this.told('cutting all connections');
    const cut = await this.comeBack(after.channels);
    return {
      fleet,
      idle,
      waiting,
      working,
      cut,
      serverMemory: after.memory - before.memory,
      clientMemory: using - used,
      channels: after.channels,
      connections: after.clients,
    };
  }

  usages(): Promise<Usage[]> {
    return Promise.all(this.replicas.map((replica) => replica.usage()));
  }

  async memory(): Promise<number> {
    const each = await Promise.all(this.replicas.map((replica) => replica.memory()));
    return each.reduce((total, one) => total + one, 0);
  }

  async during(work: () => Promise<unknown>): Promise<Took> {
    const [before, used, from] = [await this.masters.counted(), await this.usages(), performance.now()];
    const heard = Number(await work()) || 0;
    const [after, using] = [await this.masters.counted(), await this.usages()];
    const took = (name: keyof Counted): number => after[name] - before[name];
    return {
      ms: performance.now() - from,
      cpuUs: took('cpuUs'),
      commands: took('commands'),
      bytes: took('bytes'),
      memory: took('memory'),
      channels: took('channels'),
      clients: took('clients'),
      clientCpuUs: sum(using, 'cpuUs') - sum(used, 'cpuUs'),
      rereads: sum(using, 'rereads') - sum(used, 'rereads'),
      heard,
    };
  }

  async warm(): Promise<void> {
    const [rate, ms] = [WARM_RATE, this.windows.warmMs];
    for (const [self, replica] of this.replicas.entries()) {
      this.told(`warming up process ${String(self + 1)}`);
      await replica.ask({ do: 'pace', label: 'warm', self, before: self, rate, ms, from: Date.now() });
    }
    await sleep(2_000);
  }

  async pace(): Promise<number> {
    const { rate, flowMs: ms } = this.windows;
    const from = Date.now() + 200;
    const { length } = this.replicas;
    const heard = await Promise.all(
      this.replicas.map((replica, self) =>
        replica.ask<number>({
          do: 'pace',
          label: 'paced',
          self,
          before: (self + length - 1) % length,
          rate,
          ms,
          from,
        }),
      ),
    );
    return heard.reduce((total, one) => total + one, 0);
  }

  async comeBack(channels: number): Promise<Observed['cut']> {
    const wanted = sum(await this.usages(), 'rereads') + this.fleet.waiters;
    let [resubscribedMs, rereadMs] = [0, 0];
    const took = await this.during(async () => {
      const from = performance.now();
      await this.masters.cut();
      const since = (): number => performance.now() - from;
      while (since() < GIVE_UP_MS && (await this.masters.counted()).channels < channels) await sleep(50);
      resubscribedMs = since();
      while (since() < GIVE_UP_MS && sum(await this.usages(), 'rereads') < wanted) await sleep(50);
      rereadMs = since();
    });
    return { ...took, resubscribedMs, rereadMs };
  }
}

function sum(usages: readonly Usage[], name: keyof Usage): number {
  return usages.reduce((total, one) => total + one[name], 0);
}

/** What the fleet was seen to take, in the words of the model. */
export function loadOf({ fleet, working, cut, ...had }: Observed): Load {
  const seconds = working.ms / 1_000;
  return {
    'commands, all masters': working.commands / seconds,
    'bytes on the wire, all masters': working.bytes / seconds,
    'CPU of a master': working.cpuUs / 1e6 / seconds / fleet.masters,
    'CPU of a process': working.clientCpuUs / 1e6 / seconds / fleet.processes,
    'memory of a master': had.serverMemory / fleet.masters,
    'heap of a process': had.clientMemory / fleet.processes,
    'channels of a master': had.channels / fleet.masters,
    'connections of a master': had.connections / fleet.masters,
    'CPU of a master for all to come back after a cut': cut.cpuUs / 1e6 / fleet.masters,
    'CPU of a process to come back after a cut': cut.clientCpuUs / 1e6 / fleet.processes,
  };
}
