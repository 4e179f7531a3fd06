import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { command } from './command.js';
import { dockerRun } from './docker.js';
import { type Engine } from './engine.js';
import { Guarded } from './guard.js';
import { probe } from './probe.js';

const READY_TIMEOUT_MS = 20_000;
const PROBE_EVERY_MS = 15;

/** The port was taken by somebody else between our looking and the server's binding it. */
export class PortTaken extends Error {}

export interface InstanceOptions {
  readonly port: number;
  readonly args: readonly string[];
  /** A configuration file, which the server may rewrite. */
  readonly config?: string;
  readonly dir: string;
  /** Remove `dir` if this process dies. */
  readonly ownsDir: boolean;
}

/** One run of a server process, from its start to its end. */
export interface Instance {
  readonly pid: number;
  readonly running: boolean;
  signal(signal: NodeJS.Signals): Promise<void>;
  end(): Promise<void>;
}

/** Starts a server and resolves when it answers. Rejects with the server's own words if it ends instead. */
export function startInstance(engine: Engine, options: InstanceOptions): Promise<Instance> {
  return engine.kind === 'binary' ? startBinary(engine, options) : startContainer(engine, options);
}

async function startBinary(
  engine: Extract<Engine, { kind: 'binary' }>,
  { port, args, config, dir, ownsDir }: InstanceOptions,
): Promise<Instance> {
  const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir];
  const guarded = await Guarded.start(engine.file, [...(config ? [config] : []), ...own, ...args], {
    env: { ...engine.env, GUARD_DIR: ownsDir ? dir : '' },
    cleanup: 'kill -KILL $$; [ -z "$GUARD_DIR" ] || rm -rf -- "$GUARD_DIR"',
  });
  await ready(guarded, port, guarded.pid);
  return {
    pid: guarded.pid,
    get running() {
      return guarded.running;
    },
    signal: (signal) => {
      guarded.signal(signal);
      return Promise.resolve();
    },
    end: () => guarded.end(),
  };
}

async function startContainer(
  engine: Extract<Engine, { kind: 'docker' }>,
  { port, args, dir, ownsDir }: InstanceOptions,
): Promise<Instance> {
  const { docker, image } = engine;
  const name = `flowbroker-${randomUUID()}`;
  const own = ['--port', String(port), '--bind', '0.0.0.0', '--protected-mode', 'no'];
  const guarded = await Guarded.start(docker, dockerRun(image, name, port, [...own, ...args]), {
    env: { GUARD_DOCKER: docker, GUARD_NAME: name, GUARD_DIR: ownsDir ? dir : '' },
    cleanup:
      '"$GUARD_DOCKER" rm --force "$GUARD_NAME"; kill -KILL $$; [ -z "$GUARD_DIR" ] || rm -rf -- "$GUARD_DIR"',
  });
  await ready(guarded, port, undefined);
  const pid = await command(docker, ['inspect', '--format', '{{.State.Pid}}', name], { timeoutMs: 10_000 });
  return {
    pid: Number(pid),
    get running() {
      return guarded.running;
    },
    // The client we spawned is not the server: signals go through the engine.
    signal: async (signal) => {
      if (guarded.running) await command(docker, ['kill', '--signal', signal, name], { timeoutMs: 10_000 });
    },
    end: () => guarded.end(),
  };
}

async function ready(guarded: Guarded, port: number, pid: number | undefined): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    if (!guarded.running) throw ended(guarded, port);
    let why: unknown;
    try {
      const answered = await probe(port);
      if (pid === undefined || answered === undefined || answered === pid) return;
      // Somebody else's server answers, so ours is about to fail to bind.
      await Promise.race([guarded.end(), delay(deadline - Date.now(), undefined, { ref: false })]);
    } catch (error) {
      why = error;
    }
    if (Date.now() > deadline) {
      guarded.signal('SIGKILL');
      throw new Error(`the server on port ${port} did not answer in ${READY_TIMEOUT_MS} ms`, { cause: why });
    }
    await Promise.race([guarded.ended, delay(PROBE_EVERY_MS)]);
  }
}

function ended(guarded: Guarded, port: number): Error {
  const taken = /address already in use|port is already allocated/i.test(guarded.log);
  const message = `the server on port ${port} ended before it answered:\n${guarded.log}`;
  return taken ? new PortTaken(message) : new Error(message);
}
