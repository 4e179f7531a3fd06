/** What one thing costs: measured with two processes and few waiters. CPU in microseconds, memory in bytes. */
export interface Parts {
  /** One master, whoever uses it, in a second. */
  readonly master: { readonly serverCpu: number };
  /** One process beside one master, in a second: heartbeat and looking after connections. */
  readonly pair: { readonly serverCpu: number; readonly commands: number; readonly bytes: number };
  /** One process, in a second. */
  readonly process: { readonly clientCpu: number };
  readonly connectionsOfPair: number;
  /** One flow that one process opens and waits for, and another completes. */
  readonly flow: Each;
  /** One re-read of a flow that is waited for. */
  readonly reread: Each;
  /** One waiter while nothing happens. */
  readonly waiter: { readonly serverMemory: number; readonly clientMemory: number };
  /** One waiter whose connection was cut: subscribed and read anew. */
  readonly restored: { readonly serverCpu: number; readonly clientCpu: number };
}

interface Each {
  readonly serverCpu: number;
  readonly clientCpu: number;
  readonly commands: number;
  readonly bytes: number;
}

/** Processes with waiters, and flows a second of them all, on the masters of a Cluster. */
export interface Fleet {
  readonly processes: number;
  readonly waiters: number;
  readonly flows: number;
  readonly masters: number;
  readonly rereadMs: number;
}

/** What a fleet takes. Rates are a second's; CPU is in cores. */
export interface Load {
  readonly 'commands, all masters': number;
  readonly 'bytes on the wire, all masters': number;
  readonly 'CPU of a master': number;
  readonly 'CPU of a process': number;
  readonly 'memory of a master': number;
  readonly 'heap of a process': number;
  readonly 'channels of a master': number;
  readonly 'connections of a master': number;
  readonly 'CPU of a master for all to come back after a cut': number;
  readonly 'CPU of a process to come back after a cut': number;
}

export type Quantity = keyof Load;

/** Everything is linear: a flow costs what a flow costs, whoever else is there. */
export function predict(parts: Parts, { processes, waiters, flows, masters, rereadMs }: Fleet): Load {
  const { master, pair, process, flow, reread, waiter, restored } = parts;
  const rereads = (waiters * 1_000) / rereadMs;
  const pairs = processes * masters;
  const serverCpu =
    masters * master.serverCpu + pairs * pair.serverCpu + flows * flow.serverCpu + rereads * reread.serverCpu;
  const clientCpu = processes * process.clientCpu + flows * flow.clientCpu + rereads * reread.clientCpu;
  return {
    'commands, all masters': pairs * pair.commands + flows * flow.commands + rereads * reread.commands,
    'bytes on the wire, all masters': pairs * pair.bytes + flows * flow.bytes + rereads * reread.bytes,
    'CPU of a master': serverCpu / masters / 1e6,
    'CPU of a process': clientCpu / processes / 1e6,
    'memory of a master': (waiters / masters) * waiter.serverMemory,
    'heap of a process': (waiters / processes) * waiter.clientMemory,
    'channels of a master': waiters / masters,
    'connections of a master': processes * parts.connectionsOfPair,
    'CPU of a master for all to come back after a cut': ((waiters / masters) * restored.serverCpu) / 1e6,
    'CPU of a process to come back after a cut': ((waiters / processes) * restored.clientCpu) / 1e6,
  };
}

/** The fewest masters of which none is busier than this share of a core. */
export function mastersFor(parts: Parts, fleet: Omit<Fleet, 'masters'>, share: number): number | undefined {
  for (let masters = 1; masters <= 1_000; masters++)
    if (predict(parts, { ...fleet, masters })['CPU of a master'] <= share) return masters;
  return undefined;
}
