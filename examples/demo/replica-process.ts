import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { clock } from './clock.js';
import type { Asked, Orders, Said, Told } from './replica/orders.js';

export type Order = keyof Orders;
export type Input<O extends Order> = Parameters<Orders[O]>;
export type Output<O extends Order> = Awaited<ReturnType<Orders[O]>>;

/** A replica could not do as ordered; `code` is the error's own, or `killed` if the replica is no more. */
export class OrderFailed extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** One process of the service, seen from outside: takes orders, can be killed. */
export class ReplicaProcess {
  readonly name: string;
  /** Resolves when it is connected and takes orders. */
  readonly ready: Promise<void>;
  alive = true;
  readonly #child: ReturnType<typeof spawnTs>;
  readonly #ended: Promise<unknown>;
  readonly #said = new EventEmitter().setMaxListeners(0);
  #orders = 0;

  constructor(name: string, env: NodeJS.ProcessEnv, onTold: (told: Told) => void) {
    this.name = name;
    this.#child = spawnTs(join(__dirname, 'replica', 'index.ts'), { env });
    this.#ended = once(this.#child, 'exit').then(() => {
      this.alive = false;
      this.#said.emit('ended');
    });
    this.ready = new Promise((resolve, reject) => {
      this.#said.once('ready', resolve);
      this.#said.once('ended', () => reject(new OrderFailed('killed', `replica ${name} ended`)));
    });
    this.#child.on('message', (said: Said) => {
      if ('told' in said) onTold(said.told);
      else if ('ready' in said) this.#said.emit('ready');
      else this.#said.emit(String(said.id), said);
    });
  }

  /** Resolves with what the order came to; rejects with {@link OrderFailed}. */
  ask<O extends Order>(order: O, ...[input]: Input<O>): Promise<Output<O>> {
    const asked: Asked = { id: ++this.#orders, order, input };
    return new Promise((resolve, reject) => {
      const onEnded = (): void => reject(new OrderFailed('killed', `replica ${this.name} was killed`));
      this.#said.once('ended', onEnded);
      this.#said.once(String(asked.id), (said: Extract<Said, { id: number }>) => {
        this.#said.off('ended', onEnded);
        if ('error' in said) reject(new OrderFailed(said.error.code, said.error.message));
        else resolve(said.value as Output<O>);
      });
      this.#child.send(asked);
    });
  }

  /** SIGKILL, so that nothing is released and nobody told. Returns the instant. */
  kill(): number {
    const at = clock();
    this.#child.kill('SIGKILL');
    return at;
  }

  async end(): Promise<void> {
    this.kill();
    await this.#ended;
  }
}
