import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { spawnTs } from '../../scripts/spawn-ts.js';

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
  readonly #waiting = new Map<number, { resolve: (is: unknown) => void; reject: (error: Error) => void }>();
  readonly #exited: Promise<unknown>;
  #n = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit').then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the process ended'));
    });
    child.on('message', ({ n, is, error }: { n: number; is?: unknown; error?: string }) => {
      const asked = this.#waiting.get(n);
      this.#waiting.delete(n);
      if (error === undefined) asked?.resolve(is);
      else asked?.reject(new Error(error));
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

  /** Its RSS behind a full collection, in bytes. */
  memory(): Promise<number> {
    return this.ask({ do: 'memory' });
  }

  async ask<Is>(told: Told): Promise<Is> {
    const n = ++this.#n;
    const answered = new Promise((resolve, reject) => this.#waiting.set(n, { resolve, reject }));
    this.#child.send({ ...told, n });
    return (await answered) as Is;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.send({ do: 'stop', n: 0 });
    await this.#exited;
  }
}
