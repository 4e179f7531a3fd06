import { randomInt } from 'node:crypto';
import { isFree } from './port.js';
import { startRedis, type RedisServer } from './server.js';

const NODE_TIMEOUT_MS = 2_000;
const BUS = 10_000; // the port on which nodes speak to one another lies so far above
const [FIRST_PORT, LAST_PORT] = [20_000, 32_000]; // below what the kernel gives to clients
const ATTEMPTS = 5;

const ARGS = [
  ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
  ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS), '--cluster-require-full-coverage', 'no'],
  ...['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0'],
];

/** Starts a server that can join a Cluster, on a pair of free ports. */
export async function startNode(args: readonly string[]): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const port = await portPair();
    try {
      return await startRedis({ port, args: [...ARGS, ...args] });
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function portPair(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if ((await isFree(port)) && (await isFree(port + BUS))) return port;
  }
}
