import { spawn } from 'node:child_process';
import { once } from 'node:events';

const SCRIPT = 'kill -STOP "$0" && sleep "$1"; kill -CONT "$0"';

/** Stops a process for so many ms. It goes on even if this process dies meanwhile. */
export async function stopFor(pid: number, ms: number): Promise<void> {
  const child = spawn('/bin/sh', ['-c', SCRIPT, String(pid), String(ms / 1_000)], {
    detached: true,
    stdio: 'ignore',
  });
  await once(child, 'exit');
}
