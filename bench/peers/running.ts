import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Questions, type Answer } from '../questions.js';
import type { Asked, Commands } from './commands.js';
import type { Role } from './contender.js';
import type { Entry } from './entries.js';
import { commandOf } from './programs.js';

const STOPS_WITHIN_MS = 5_000;
const ANSWERS_WITHIN_MS = 180_000;

/** A process of a contender, as the one that measures sees it. */
export class Running {
  readonly #child: ChildProcess;
  readonly #questions: Questions;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#questions = new Questions(child);
    child.stdin?.on('error', () => undefined);
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.#questions.answer(JSON.parse(line) as Answer);
    });
  }

  /** Resolves when it is connected. */
  static async start(entry: Entry, url: string, role: Role): Promise<Running> {
    const running = new Running(childOf(entry, url, role));
    await running.ask('ready', {});
    return running;
  }

  /** Many, started together. */
  static startAll(entry: Entry, url: string, count: number): Promise<Running[]> {
    return Promise.all(Array.from({ length: count }, () => Running.start(entry, url, 'both')));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async ask<Name extends keyof Commands>(
    name: Name,
    given: Parameters<Commands[Name]>[0],
  ): Promise<Awaited<ReturnType<Commands[Name]>>> {
    let late: NodeJS.Timeout | undefined;
    const tooLate = new Promise((_resolve, reject) => {
      late = setTimeout(() => reject(new Error(`${name}: no answer`)), ANSWERS_WITHIN_MS);
    });
    const answered = this.#questions.ask((n) => this.#tell({ n, name, given }));
    try {
      return (await Promise.race([answered, tooLate])) as Awaited<ReturnType<Commands[Name]>>;
    } finally {
      clearTimeout(late);
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#tell({ n: 0, name: 'stop', given: {} });
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOPS_WITHIN_MS);
    await this.#questions.exited;
    clearTimeout(late);
  }

  #tell(asked: Asked): void {
    this.#child.stdin?.write(`${JSON.stringify(asked)}\n`);
  }
}

// Each ends when its stdin does, so also when this process ends in any way.
function childOf({ name, runs }: Entry, url: string, role: Role): ChildProcess {
  const [file, ...args] = commandOf(runs);
  return spawn(file, [...args, name, url, role], { stdio: ['pipe', 'pipe', 'inherit'] });
}
