import { startCluster, startSentinel } from '../../../scripts/redis/index.js';

/** Starts a topology, tells of its processes, and keeps it until it is killed. */
async function hold(): Promise<void> {
  if (process.argv[2] === 'cluster') {
    const { servers } = await startCluster();
    process.send?.(servers.map(({ pid, dir }) => ({ pid, dir })));
  } else {
    const { servers, watchers } = await startSentinel();
    process.send?.([...servers, ...watchers].map(({ pid, dir }) => ({ pid, dir })));
  }
  process.on('message', () => undefined);
}

void hold();
