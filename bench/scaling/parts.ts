import type { Parts } from './model.js';
import type { Observed, Took } from './observe.js';

/** What each thing costs, from a small fleet doing nothing, waiting, working and coming back. */
export function partsOf(observed: Observed): Parts {
  const { fleet, alone, idle, waiting, working, cut } = observed;
  const pairs = fleet.processes * fleet.masters;
  const perSecond = (took: Took, name: 'cpuUs' | 'commands' | 'bytes' | 'clientCpuUs'): number =>
    took[name] / (took.ms / 1_000);
  /** What a window took beyond idling, in all. */
  const beyond = (took: Took, name: 'cpuUs' | 'commands' | 'bytes' | 'clientCpuUs'): number =>
    (perSecond(took, name) - perSecond(idle, name)) * (took.ms / 1_000);
  const reread = {
    serverCpu: beyond(waiting, 'cpuUs') / waiting.rereads,
    clientCpu: beyond(waiting, 'clientCpuUs') / waiting.rereads,
    commands: beyond(waiting, 'commands') / waiting.rereads,
    bytes: beyond(waiting, 'bytes') / waiting.rereads,
  };
  const flow = (name: 'cpuUs' | 'commands' | 'bytes' | 'clientCpuUs', each: number): number =>
    (beyond(working, name) - working.rereads * each) / working.heard;
  const pair = (name: 'cpuUs' | 'commands' | 'bytes'): number =>
    (perSecond(idle, name) - perSecond(alone, name)) / pairs;
  return {
    master: { serverCpu: perSecond(alone, 'cpuUs') / fleet.masters },
    pair: { serverCpu: pair('cpuUs'), commands: pair('commands'), bytes: pair('bytes') },
    process: { clientCpu: perSecond(idle, 'clientCpuUs') / fleet.processes },
    connectionsOfPair: observed.connections / pairs,
    flow: {
      serverCpu: flow('cpuUs', reread.serverCpu),
      clientCpu: flow('clientCpuUs', reread.clientCpu),
      commands: flow('commands', reread.commands),
      bytes: flow('bytes', reread.bytes),
    },
    reread,
    waiter: {
      serverMemory: observed.serverMemory / fleet.waiters,
      clientMemory: observed.clientMemory / fleet.waiters,
    },
    restored: {
      serverCpu: beyond(cut, 'cpuUs') / fleet.waiters,
      clientCpu: beyond(cut, 'clientCpuUs') / fleet.waiters,
    },
  };
}
