import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PYTHON, ROOT } from '../../../scripts/languages/toolchains.js';

interface Line {
  readonly call?: number;
  readonly event?: string;
  readonly value?: unknown;
  readonly error?: object;
}

interface Pending {
  heard(line: Line): void;
}

/** A Python process with a broker, remote-controlled. Ends with its standard input, so with this process. */
export class PythonProcess {
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(url: string): Promise<PythonProcess> {
    const client = join(ROOT, 'clients', 'python');
    const child = spawn(PYTHON, [join(client, 'tests', 'interop.py'), url], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONPATH: join(client, 'src') },
    });
    const python = new PythonProcess(child);
    const lines = createInterface(child.stdout);
    const ready = once(lines, 'line');
    lines.on('line', (text) => {
      const line = JSON.parse(text) as Line;
      if (line.call !== undefined) python.#pending.get(line.call)?.heard(line);
    });
    await ready;
    return python;
  }

  call(op: string, id: string, value: unknown = null, type = 'interop'): Promise<string> {
    return this.ask(op, id, value, type).answer as Promise<string>;
  }

  /** `first` resolves when the call said that it is under way, `answer` with what came of it. */
  ask(
    op: string,
    id: string,
    value: unknown = null,
    type = 'interop',
  ): { first: Promise<void>; answer: Promise<unknown> } {
    const call = ++this.#calls;
    let said: () => void = () => undefined;
    const first = new Promise<void>((resolve) => (said = resolve));
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(call, {
        heard: (line) => {
          if (line.event) said();
          // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what another language said
          else if (line.error) reject(line.error);
          else resolve(line.value);
        },
      });
    });
    answer.catch(() => undefined);
    this.#child.stdin!.write(`${JSON.stringify({ call, op, type, id, value })}\n`);
    return { first, answer };
  }

  async kill(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}
