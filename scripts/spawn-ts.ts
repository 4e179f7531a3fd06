import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { join } from 'node:path';
import { type Socket } from 'node:net';

const PARENT_PIPE_FD = 4;

export interface SpawnTsOptions {
  readonly args?: readonly string[];
  /** Added to this process's environment; `undefined` removes a variable. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** stdin, stdout and stderr; `['ignore', 'inherit', 'inherit']` by default. IPC is always there (`send`, 'message'). */
  readonly stdio?: readonly ['pipe' | 'ignore' | 'inherit', Output, Output];
}

type Output = 'pipe' | 'ignore' | 'inherit';

/**
 * Runs a TypeScript file in a Node process of its own, which dies when this process dies, however that happens.
 * The child may also end by itself: neither its IPC channel nor the tie to its parent keeps it alive, unless it listens
 * for messages.
 */
export function spawnTs(file: string, options: SpawnTsOptions = {}): ChildProcess {
  const [stdin, stdout, stderr] = options.stdio ?? ['ignore', 'inherit', 'inherit'];
  const stdio: StdioOptions = [stdin, stdout, stderr, 'ipc', 'pipe'];
  const child = spawn(
    process.execPath,
    [
      '-r',
      require.resolve('ts-node/register'),
      '-r',
      join(__dirname, 'orphan.ts'),
      file,
      ...(options.args ?? []),
    ],
    {
      cwd: options.cwd,
      env: { ...process.env, ...options.env, PARENT_PIPE_FD: String(PARENT_PIPE_FD) },
      stdio,
    },
  );
  const pipe = child.stdio[PARENT_PIPE_FD] as Socket | null | undefined;
  pipe?.on('error', () => undefined);
  pipe?.unref();
  return child;
}
