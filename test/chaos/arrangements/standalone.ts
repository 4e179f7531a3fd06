import { setTimeout as delay } from 'node:timers/promises';
import { ask, startRedis, type RedisServer } from '../../../scripts/redis/index.js';
import { Proxy } from '../../processes/support/proxy.js';
import type { Arrangement, Inflict } from '../arrangement.js';
import { leftoversOn } from './leftovers.js';

const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'];
const PROXIED = ['delay', 'drop', 'drop-messages', 'half-open', 'reset'];
/** What one server can suffer one after the other; `mixed` arranges for all of them. */
export const MIXED = ['kill-restart-empty', 'stop-server', 'kill-connections', ...PROXIED];

/** One server, with a TCP proxy before it where the fault is one of the network. */
export async function standalone(fault: string): Promise<Arrangement> {
  const server = await startRedis({ args: fault === 'kill-restart-aof' ? DURABLE : [] });
  const proxy = fault === 'mixed' || PROXIED.includes(fault) ? await Proxy.start(server.port) : undefined;
  let healing = false;
  const begin = (): (() => boolean) => {
    healing = false;
    return () => healing;
  };
  const faults = { ...serverFaults(server), ...(proxy && networkFaults(proxy, begin)) };
  return {
    redis: proxy?.url ?? server.url,
    faults,
    ports: [server.port],
    async heal() {
      healing = true;
      if (proxy && proxy.orphans > 0) proxy.reset();
    },
    leftovers: () => leftoversOn(server.port),
    async close() {
      await proxy?.stop();
      await server.stop();
    },
  };
}

function serverFaults(server: RedisServer): Record<string, Inflict> {
  return {
    'kill-restart-empty': async ({ random, tell }) => {
      const before = await identity(server.port);
      const from = performance.now();
      await server.kill();
      await delay(random.between(0, 400));
      await server.restart();
      const after = await identity(server.port);
      const ago = performance.now() - from;
      tell({ deed: 'forgot', agoMs: ago, runs: [before.run, after.run], keys: [before.keys, after.keys] });
    },
    'kill-restart-aof': async ({ random }) => {
      await server.kill();
      await delay(random.between(0, 400));
      await server.restart();
    },
    'stop-server': async ({ random }) => {
      await server.pause();
      await delay(random.between(100, 1_200));
      await server.resume();
    },
    'kill-connections': async ({ random }) => {
      for (const type of random.pick([['normal'], ['pubsub'], ['normal', 'pubsub']]))
        await ask(server.port, 'CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
    },
  };
}

function networkFaults(proxy: Proxy, begin: () => () => boolean): Record<string, Inflict> {
  return {
    delay: async ({ random }) => {
      const most = random.between(20, 200);
      proxy.delayMs = () => random.between(0, most);
      await delay(random.between(300, 1_000));
      proxy.delayMs = () => 0;
    },
    // What is under way vanishes both ways; a while later the network says that it knows nothing of these connections.
    drop: async ({ random }) => {
      proxy.freeze();
      await delay(random.between(100, 1_200));
      proxy.reset();
    },
    // Longer than two heartbeats: a server that loses single messages, and no connection, is none that TCP allows.
    'drop-messages': async ({ random }) => {
      proxy.swallowing = true;
      await delay(random.between(1_100, 1_800));
      proxy.swallowing = false;
    },
    'half-open': async ({ random }) => {
      const healing = begin();
      proxy.orphan(() => random.chance(0.5));
      while (proxy.orphans > 0 && !healing()) await delay(20);
    },
    reset: ({ random }) => {
      const part = random.pick([0.3, 1]);
      proxy.reset(() => random.chance(part));
      return Promise.resolve();
    },
  };
}

async function identity(port: number): Promise<{ run: string; keys: number }> {
  const info = String(await ask(port, 'INFO', 'server'));
  return { run: /run_id:(\w+)/.exec(info)?.[1] ?? '', keys: Number(await ask(port, 'DBSIZE')) };
}
