import type { ChildProcess } from 'node:child_process';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { Questions, type Answer } from '../questions.js';

export type Told =
  | { readonly do: 'ready' | 'usage' | 'memory' | 'stop' }
  | { readonly do: 'hold'; readonly label: string; readonly count: number; readonly overMs: number }
  | {
      readonly do: 'pace';
      readonly label: string;
      /** Whose flows it opens, and whose it completes. */
      readonly self: number;
      readonly before: number;
      readonly rate: number;
      readonly ms: number;
      readonly from: number;
    };

export interface Usage {
  readonly cpuUs: number;
  readonly rereads: number;
}

/** A process of the fleet, as the one that measures sees it. */
export class Replica {
  readonly #child: ChildProcess;
  readonly #questions: Questions;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#questions = new Questions(child);
    child.on('message', (answer: Answer) => {
      this.#questions.answer(answer);
    });
  }

  static async start(ports: readonly number[], rereadMs: number): Promise<Replica> {
    const child = spawnTs(require.resolve('./program'), { args: [ports.join(','), String(rereadMs)] });
    const replica = new Replica(child);
    await replica.ask({ do: 'ready' });
    return replica;
  }

  usage(): Promise<Usage> {
    return this.ask({ do: 'usage' });
  }

  /** What it uses of its heap and beside it behind a full collection, in bytes. */
  memory(): Promise<number> {
    return this.ask({ do: 'memory' });
  }

  async ask<Is>(told: Told): Promise<Is> {
    return (await this.#questions.ask((n) => this.#child.send({ ...told, n }))) as Is;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.send({ do: 'stop', n: 0 });
    await this.#questions.exited;
  }
}
