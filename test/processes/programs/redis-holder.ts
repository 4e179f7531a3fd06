import { startRedis } from '../../../scripts/redis/index.js';

// Starts a server, says which, and then ends in the way asked for without ever stopping it.
async function main(): Promise<void> {
  const server = await startRedis();
  if (process.argv[2] === 'paused') await server.pause();
  process.on('message', (ending) => {
    if (ending === 'throw') throw new Error('as asked');
    if (ending === 'exit') process.exit(0);
    if (ending === 'finish') process.disconnect();
  });
  process.send?.({ pid: server.pid, port: server.port, dir: server.dir });
}

void main();
