import { Redis } from 'ioredis';
import { Flow, type Reply, type Snapshot } from '../helpers/flow.js';
import { Subscriber } from '../helpers/subscriber.js';
import { type AnyVerb, type Argument, loadScripts, type Verb } from '../helpers/variants.js';

export interface Seen extends Reply {
  readonly after: Snapshot;
  readonly messages: readonly string[];
}

/** A connection to real Redis on which runs of the model test their flows, one key each. */
export class ModelServer {
  #runs = 0;

  private constructor(
    readonly client: Redis,
    readonly subscriber: Subscriber,
    readonly prefix: string,
    readonly call: Awaited<ReturnType<typeof loadScripts>>,
  ) {}

  static async connect(url: string, prefix: string, source: (verb: AnyVerb) => string): Promise<ModelServer> {
    const client = new Redis(url);
    const subscriber = new Subscriber(client.duplicate(), client, { publish: 'PUBLISH' });
    return new ModelServer(client, subscriber, prefix, await loadScripts(client, source));
  }

  /** A flow nobody has touched. */
  async flow(): Promise<Flow> {
    const { client, call, subscriber } = this;
    const flow = new Flow(`${this.prefix}:{model:${++this.#runs}}`, {
      client,
      call,
      publish: 'PUBLISH',
      subscriber,
    });
    await subscriber.listen(flow.key);
    return flow;
  }

  async forget(flow: Flow): Promise<void> {
    await Promise.all([this.client.del(flow.key, flow.timer), this.subscriber.leave(flow.key)]);
  }

  close(): void {
    this.client.disconnect();
    this.subscriber.connection.disconnect();
  }
}

/** One script, and what stands in Redis after it; all sent in one go, since nobody else is there. */
export async function see(flow: Flow, verb: Verb, args: readonly Argument[]): Promise<Seen> {
  const { subscriber } = flow.wiring;
  const [reply, after, messages] = await Promise.all([
    flow.run(verb, args),
    flow.snapshot(),
    subscriber.drain(flow.key),
  ]);
  return { ...reply, after, messages };
}

const INSTANTS = ['createdAt', 'deadlineAt', 'leaseUntil', 'freshUntil', 'settledAt'];

/** As if all that the record tells of had happened earlier. */
export async function elapse(flow: Flow, ms: number): Promise<void> {
  const { record } = await flow.snapshot();
  const there = INSTANTS.filter((field) => record?.[field] !== undefined);
  if (record && there.length > 0)
    await flow.put(Object.fromEntries(there.map((field) => [field, Number(record[field]) - ms])));
}
