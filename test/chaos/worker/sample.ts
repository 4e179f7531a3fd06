import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Sample } from '../entries.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What this process holds when what nobody holds is gone. */
export function sample(at: number): Sample {
  collect();
  collect();
  const resources = process.getActiveResourcesInfo();
  const { heapUsed, rss } = process.memoryUsage();
  const sockets = resources.filter((kind) => kind === 'TCPSocketWrap').length;
  return { at, heap: heapUsed, rss, resources: resources.length, sockets };
}
