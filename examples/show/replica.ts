import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';

const LISTENING = /^listening on (http:\S+)$/;

/** A process of a recipe's service, seen from outside: its URL, what it prints, how it ended. */
export class Replica {
  /** Exit code and signal, when it has ended. */
  readonly exited: Promise<unknown[]>;
  readonly #child: ChildProcess;
  readonly #printed: string[] = [];
  readonly #news = new EventEmitter().setMaxListeners(0);
  #ended = false;

  /** Of a child whose stdout is a pipe. */
  constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = once(child, 'exit').then((how: unknown[]) => {
      this.#ended = true;
      this.#news.emit('news');
      return how;
    });
    if (!child.stdout) throw new Error('a replica needs a stdout to read');
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#printed.push(line);
      this.#news.emit('news');
    });
  }

  /** Where it listens, once it does. */
  async url(): Promise<string> {
    const [line = ''] = await this.prints(LISTENING);
    return LISTENING.exec(line)?.[1] ?? '';
  }

  /** Lines like this that it has printed, or will have printed when there are as many; rejects if it ends before. */
  async prints(like: RegExp, times = 1): Promise<readonly string[]> {
    for (;;) {
      const lines = this.#printed.filter((line) => like.test(line));
      if (lines.length >= times) return lines;
      if (this.#ended) throw new Error(`the replica ended before it printed ${String(like)}`);
      await once(this.#news, 'news');
    }
  }

  /** What it has printed. */
  get printed(): readonly string[] {
    return this.#printed;
  }

  /** SIGTERM, as a deploy would, or another signal; resolves with exit code and signal when it has ended. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown[]> {
    this.#child.kill(signal);
    return this.exited;
  }

  /** SIGKILL, so that nothing is released and nobody told. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }
}
