import { EventEmitter, once } from 'node:events';
import { type OrderFailed, ReplicaProcess, type Input, type Order, type Output } from './replica-process.js';
import type { Moment, Told } from './replica/orders.js';

/** How one replica answered: with a value, or with the code of its error. */
export interface Answer<O extends Order> {
  readonly replica: ReplicaProcess;
  readonly value?: Output<O>;
  readonly code?: string;
}

/** All replicas of the service, named A, B, C, … */
export class Fleet {
  readonly #all: readonly ReplicaProcess[];
  readonly #told = new EventEmitter();

  constructor(size: number, env: NodeJS.ProcessEnv) {
    this.#all = Array.from({ length: size }, (_, at) => {
      const name = String.fromCharCode('A'.charCodeAt(0) + at);
      const replica: ReplicaProcess = new ReplicaProcess(name, env, (told) =>
        this.#told.emit(told.moment, told, replica),
      );
      return replica;
    });
  }

  get names(): string {
    return this.#all.map(({ name }) => name).join(' ');
  }

  async ready(): Promise<void> {
    await Promise.all(this.#all.map((replica) => replica.ready));
  }

  /** Those that live. */
  get replicas(): readonly ReplicaProcess[] {
    return this.#all.filter((replica) => replica.alive);
  }

  /** Gives all that live the same order, and resolves when each has answered or died. */
  askAll<O extends Order>(order: O, ...input: Input<O>): Promise<readonly Answer<O>[]> {
    return Promise.all(
      this.replicas.map((replica) =>
        replica.ask(order, ...input).then(
          (value): Answer<O> => ({ replica, value }),
          (error: unknown): Answer<O> => ({ replica, code: (error as OrderFailed).code }),
        ),
      ),
    );
  }

  /** The next time that any replica reaches this moment. */
  async reaches(moment: Moment): Promise<Told & { readonly replica: ReplicaProcess }> {
    const [told, replica] = (await once(this.#told, moment)) as [Told, ReplicaProcess];
    return { ...told, replica };
  }

  async end(): Promise<void> {
    await Promise.all(this.#all.map((replica) => replica.end()));
  }
}
