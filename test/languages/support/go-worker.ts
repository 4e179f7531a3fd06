import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { GO_WORKER, ROOT } from '../../../scripts/languages/toolchains.js';

/** The example in Go, a process for each command. */
export class GoWorker {
  readonly #options: readonly string[];

  constructor(url: string) {
    this.#options = ['-redis', url, '-lua', join(ROOT, 'lua')];
  }

  async run(verb: string, id: string, argument: string, input = '', type = 'interop'): Promise<string> {
    const child = spawn(GO_WORKER, [...this.#options, verb, type, id, argument], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.end(input);
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return output.trim();
  }

  wait(id: string, type = 'interop'): { listening: Promise<unknown>; output: Promise<string> } {
    const child = spawn(GO_WORKER, [...this.#options, 'wait', type, id], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface(child.stdout);
    const listening = once(lines, 'line');
    const output = new Promise<string>((resolve, reject) => {
      lines.on('line', (line) => {
        if (line !== 'listening') resolve(line);
      });
      lines.on('close', () => {
        reject(new Error('the worker ended without an outcome'));
      });
    });
    output.catch(() => undefined);
    return { listening, output };
  }
}
