import type { Line } from './line.js';

// K: on __keyspace@<db>__ channels; x: expired; A stands for all kinds of events.
const ENOUGH = /^(?=.*K)(?=.*[xA])/;

/** Whether every one of the servers tells of expired keys; with `configure` they are made to. One that will not say counts as silent. */
export async function keyspaceEvents(
  masters: readonly Line[] | Promise<readonly Line[]>,
  mode: 'auto' | 'configure',
): Promise<boolean> {
  const told = await Promise.all((await masters).map((line) => tells(line, mode)));
  return told.length > 0 && told.every(Boolean);
}

/** Whether it is the channel of a key's events, which the server that holds the key tells, and no other. */
export function isKeyspaceChannel(channel: string): boolean {
  return channel.startsWith('__keyspace@');
}

async function tells(line: Line, mode: 'auto' | 'configure'): Promise<boolean> {
  try {
    const reply = await line.send<unknown>((redis) => redis.config('GET', 'notify-keyspace-events'));
    const flags = (reply as string[])[1] ?? '';
    if (ENOUGH.test(flags)) return true;
    if (mode === 'auto') return false;
    await line.send((redis) => redis.config('SET', 'notify-keyspace-events', `${flags}Kx`));
    return true;
  } catch {
    return false;
  }
}
