import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type Socket } from 'node:net';

/**
 * The shell leaves a watchdog behind and then *becomes* the program (`exec`), so the child's pid is the program's own.
 * The watchdog waits on a pipe that only we hold: when we end in whatever way, even by SIGKILL, it reads the end of
 * that pipe and cleans up. A line on the pipe says that the program is gone already, so that a reused pid is safe.
 */
const SCRIPT = `
(read -r line <&3 || { eval "$GUARD_CLEANUP"; }) </dev/null >/dev/null 2>&1 &
exec 3<&-
exec "$@" </dev/null
`;

export interface GuardedOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Shell commands for when this process has died. `$$` is the program's pid. */
  readonly cleanup: string;
}

/** A running program that does not outlive this process. */
export class Guarded {
  readonly pid: number;
  /** Resolves when the program has ended. */
  readonly ended: Promise<void>;
  #log = '';
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
    const pipe = child.stdio[3] as Socket;
    pipe.on('error', () => undefined);
    this.ended = once(child, 'exit').then(() => {
      pipe.end('ended\n');
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#log = (this.#log + chunk.toString()).slice(-4_000);
      });
      (stream as Socket | null)?.unref();
    }
    // A program that forgot to stop its server may still end; the watchdog then stops the server.
    pipe.unref();
    child.unref();
  }

  static async start(file: string, args: readonly string[], options: GuardedOptions): Promise<Guarded> {
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', file, ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env, GUARD_CLEANUP: options.cleanup },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      // Out of the terminal's process group: Ctrl-C is for us to handle, and must not kill the watchdog.
      detached: true,
    });
    if (child.pid === undefined) await once(child, 'spawn');
    return new Guarded(child, child.pid ?? 0);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The last it printed, for error messages. */
  get log(): string {
    return this.#log.trim();
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  /** Resolves when the program has ended, and keeps this process alive until then. */
  async end(): Promise<void> {
    this.#child.ref();
    await this.ended;
  }
}
