import { ReplyError, type Redis } from 'ioredis';
import {
  type CallStep,
  type Expectation,
  type RedisStep,
  type Step,
  type Value,
} from '../../../scripts/vectors/vector.js';
import { type Subscriber } from '../helpers/subscriber.js';
import { Bindings } from './bindings.js';

export interface Player {
  readonly client: Redis;
  readonly subscriber: Subscriber;
  readonly call: (verb: string) => [command: string, script: string];
  readonly publish: string;
  /** Looks at the flow before each call, and at what it came to. */
  readonly watch?: (step: CallStep, record: string) => Promise<(verdict: string) => void>;
}

/** Runs one vector on a flow of its own; rejects at the first step that does not hold. */
export async function play(player: Player, record: string, steps: readonly Step[]): Promise<void> {
  const bindings = new Bindings({ record, timer: `${record}:timer`, publish: player.publish });
  await player.subscriber.listen(record);
  try {
    for (const [at, step] of steps.entries()) {
      try {
        await ('call' in step ? callStep(player, bindings, step) : redisStep(player, bindings, step));
      } catch (error) {
        throw new Error(`step ${at + 1}: ${(error as Error).message}`, { cause: error });
      }
    }
  } finally {
    await player.subscriber.leave(record);
    await player.client.del(record, `${record}:timer`);
  }
}

async function redisStep({ client }: Player, bindings: Bindings, { redis, gives }: RedisStep): Promise<void> {
  const [command = '', ...args] = redis.map((value) => bindings.send(value));
  const reply = await client.callBuffer(command.toString(), args);
  if (gives !== undefined)
    bindings.match(gives, Buffer.isBuffer(reply) ? reply.toString('latin1') : String(reply));
}

async function callStep(player: Player, bindings: Bindings, step: CallStep): Promise<void> {
  const { client, subscriber } = player;
  const record = bindings.get('record');
  const keys = (step.keys ?? ['<record>', '<timer>']).map((key) => bindings.send(key));
  const args = step.args.map((value) => bindings.send(value));
  const [command, script] = player.call(step.call);
  const before = step.error === undefined ? undefined : await contents(client, record);
  const saw = await player.watch?.(step, record);
  const reply = await client
    .callBuffer(command, [script, keys.length, ...keys, ...args])
    .catch((error: unknown) => {
      if (error instanceof ReplyError) return error;
      throw error;
    });
  if (step.reply) {
    if (reply instanceof Error) throw reply;
    matchReply(bindings, step.reply, reply);
    const [verdict] = reply as unknown[];
    saw?.(Buffer.isBuffer(verdict) ? verdict.toString() : 'list');
  } else {
    const word = reply instanceof Error ? reply.message.split(' ')[0] : 'no error';
    if (word !== step.error) throw new Error(`expected ${String(step.error)}, got ${String(reply)}`);
    if ((await contents(client, record)) !== before)
      throw new Error('a refused call changed what stands in Redis');
    saw?.((reply as Error).message);
  }
  const told = await subscriber.drain(record);
  const expected = step.told ?? [];
  if (told.length !== expected.length)
    throw new Error(`expected ${expected.length} messages, got ${JSON.stringify(told)}`);
  expected.forEach((message, at) => {
    bindings.match(message, told[at]!);
  });
}

function matchReply(bindings: Bindings, expected: Expectation, came: unknown): void {
  if (Array.isArray(expected)) {
    if (!Array.isArray(came) || came.length !== expected.length)
      throw new Error(`expected ${JSON.stringify(expected)}, got ${String(came)}`);
    expected.forEach((part: Expectation, at) => {
      matchReply(bindings, part, came[at]);
    });
  } else if (typeof expected === 'object' && 'error' in expected) {
    if (!(came instanceof Error) || came.message.split(' ')[0] !== expected.error)
      throw new Error(`expected ${expected.error}, got ${String(came)}`);
  } else {
    if (!Buffer.isBuffer(came)) throw new Error(`expected ${JSON.stringify(expected)}, got ${String(came)}`);
    bindings.match(expected as Value, came.toString('latin1'));
  }
}

/** Everything under both keys, with expiry. */
async function contents(client: Redis, record: string): Promise<string> {
  const keys = [record, `${record}:timer`];
  const parts = await Promise.all(
    keys.flatMap((key) => [
      client.dumpBuffer(key).then((dump: Buffer | null) => dump?.toString('hex')),
      client.pexpiretime(key),
    ]),
  );
  return JSON.stringify(parts);
}
