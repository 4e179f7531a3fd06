import type { Line } from './line.js';

// K: on __keyspace@<db>__ channels; x: expired; A stands for all kinds of events.
const ENOUGH = /^(?=.*K)(?=.*[xA])/;

/** Whether the server tells of expired keys; with `configure` it is made to. A server that will not say counts as silent. */
export async function keyspaceEvents(line: Line, mode: 'auto' | 'configure'): Promise<boolean> {
  try {
    const reply = (await line.send((redis) =>
      redis.call('CONFIG', 'GET', 'notify-keyspace-events'),
    )) as string[];
    const flags = reply[1] ?? '';
    if (ENOUGH.test(flags)) return true;
    if (mode === 'auto') return false;
    await line.send((redis) => redis.call('CONFIG', 'SET', 'notify-keyspace-events', `${flags}Kx`));
    return true;
  } catch {
    return false;
  }
}
