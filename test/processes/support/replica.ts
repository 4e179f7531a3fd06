import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { spawnTs } from '../../../scripts/spawn-ts.js';
import type { BrokerStats, FlowRecord } from '../../../src/index.js';
import { message } from '../../helpers/program.js';
import { until } from '../../helpers/until.js';
import type { Answer, Call, HandlerPlan, Outcome, ReplicaEvent } from './protocol.js';

const PROGRAM = join(__dirname, '..', 'programs', 'replica.ts');

type Named<E extends ReplicaEvent['event']> = Extract<ReplicaEvent, { event: E }>;

/** A process of its own with a broker, remote-controlled. What it is asked after it died rejects. */
export class Replica {
  readonly exited: Promise<[number | null, NodeJS.Signals | null]>;
  readonly #child: ChildProcess;
  readonly #calls = new Map<number, (answer: Answer) => void>();
  readonly #events: ReplicaEvent[] = [];
  #count = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    child.on('message', (said: Answer | ReplicaEvent) => {
      if ('call' in said) this.#calls.get(said.call)?.(said);
      else this.#events.push(said);
    });
    void this.exited.then(() => {
      for (const [call, end] of this.#calls) end({ call, failure: 'the process ended' });
    });
  }

  static async start(config: object, program = PROGRAM): Promise<Replica> {
    const child = spawnTs(program, { args: [JSON.stringify(config)] });
    await message(child);
    return new Replica(child);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  call<T>(op: string, ...args: readonly unknown[]): Promise<T> {
    const answer = this.#ask(op, args) as Promise<T>;
    answer.catch(() => undefined); // whoever asked and then killed the process need not hear of it
    return answer;
  }

  run(id: string, plan: HandlerPlan = {}, options: object = {}, token?: string): Promise<Outcome> {
    return this.call('run', id, plan, options, token);
  }

  wait(id: string, options: object = {}, token?: string): Promise<Outcome> {
    return this.call('wait', id, options, token);
  }

  /** Opens and waits; resolves when the flow is durable, with the promise of its end. */
  async open(
    id: string,
    options: object = {},
    token?: string,
  ): Promise<{ record: FlowRecord; ended: Promise<Outcome> }> {
    const { record } = await this.call<{ record: FlowRecord }>('open', id, options, token);
    return { record, ended: this.call<Outcome>('ended', id) };
  }

  complete(id: string, value: unknown, options?: object): Promise<{ verdict: string }> {
    return this.call('complete', id, value, options);
  }

  stats(): Promise<BrokerStats> {
    return this.call('stats');
  }

  /** The first event of this name (and with these properties) that was not taken yet, now or later. */
  async next<E extends ReplicaEvent['event']>(event: E, like: Partial<Named<E>> = {}): Promise<Named<E>> {
    let found: Named<E> | undefined;
    await until(`${event} ${JSON.stringify(like)}`, () => (found = this.take(event, like)));
    return found!;
  }

  /** How many events of this name were never taken. */
  untaken(event: ReplicaEvent['event']): number {
    return this.#events.filter((heard) => heard.event === event).length;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Closes the broker, lets the process end by itself, and says how it did. */
  async leave(): Promise<number | null> {
    await this.call('close');
    await this.call('leave');
    return (await this.exited)[0];
  }

  async #ask(op: string, args: readonly unknown[]): Promise<unknown> {
    const call = ++this.#count;
    const answer = await new Promise<Answer>((resolve) => {
      this.#calls.set(call, resolve);
      this.#child.send({ call, op, args } satisfies Call, (error) => {
        if (error) resolve({ call, failure: error.message });
      });
    });
    this.#calls.delete(call);
    if (answer.failure !== undefined) throw new Error(answer.failure);
    return answer.value;
  }

  /** Such an event, if it was heard and not taken yet. */
  take<E extends ReplicaEvent['event']>(event: E, like: Partial<Named<E>>): Named<E> | undefined {
    const at = this.#events.findIndex(
      (heard) =>
        heard.event === event &&
        Object.entries(like).every(([name, value]) => heard[name as keyof ReplicaEvent] === value),
    );
    return at < 0 ? undefined : (this.#events.splice(at, 1)[0] as Named<E>);
  }
}
