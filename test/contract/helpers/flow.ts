import { type Redis } from 'ioredis';
import { type Subscriber } from './subscriber.js';
import { type Argument, type Call, type Verb } from './variants.js';

/** Field, value; each byte of a value is one character (latin1), so that any bytes can be compared. */
export type Fields = Readonly<Record<string, string>>;

export interface Reply {
  readonly verdict: string;
  readonly now: number;
  readonly record: Fields | undefined;
}

/** All that Redis holds of a flow. Instants are in ms since the epoch; -1: never expires, -2: not there. */
export interface Snapshot {
  readonly record: Fields | undefined;
  readonly recordUntil: number;
  readonly timer: string | undefined;
  readonly timerUntil: number;
}

export interface Change {
  readonly verdict: string;
  readonly now: number;
  readonly record: Fields | undefined;
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly messages: readonly string[];
}

export interface Wiring {
  readonly client: Redis;
  readonly call: Call;
  readonly publish: string;
  readonly subscriber: Subscriber;
}

let requests = 0;

/** A request id nobody used before. */
export function newRequest(): string {
  return `request-${++requests}`;
}

export class Flow {
  readonly timer: string;

  constructor(
    readonly key: string,
    readonly wiring: Wiring,
  ) {
    this.timer = `${key}:timer`;
  }

  /** Runs a script; the publish verb goes in front of `args`. Rejects with the script's error. */
  async run(verb: Verb, args: readonly Argument[]): Promise<Reply> {
    return this.raw(verb, [this.key, this.timer], [this.wiring.publish, ...args]);
  }

  async raw(verb: Verb, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const [command, script, through] = this.wiring.call(verb);
    // Two keys are a call's; any other number is the batch's own to refuse.
    if (through && keys.length === 2) {
      const framed = [script, keys.length, ...keys, verb, args.length, ...args];
      const [reply] = (await this.wiring.client.callBuffer(command, framed)) as unknown[];
      if (reply instanceof Error) throw reply;
      return replyOf(reply as Buffer[]);
    }
    const reply = await this.wiring.client.callBuffer(command, [script, keys.length, ...keys, ...args]);
    return replyOf(reply as Buffer[]);
  }

  /** Runs a script and gives what it answered, what it changed in Redis and what it published. */
  async act(verb: Verb, args: readonly Argument[]): Promise<Change> {
    await this.wiring.subscriber.drain(this.key);
    const before = await this.snapshot();
    const reply = await this.run(verb, args);
    const after = await this.snapshot();
    return { ...reply, before, after, messages: await this.wiring.subscriber.drain(this.key) };
  }

  async snapshot(): Promise<Snapshot> {
    const { client } = this.wiring;
    const [fields, recordUntil, timer, timerUntil] = await Promise.all([
      client.callBuffer('HGETALL', this.key),
      client.pexpiretime(this.key),
      client.get(this.timer),
      client.pexpiretime(this.timer),
    ]);
    const record = hashOf(fields);
    return { record, recordUntil, timer: timer ?? undefined, timerUntil };
  }

  /** Writes fields behind the scripts' back: how the tests make time pass. */
  async put(fields: Record<string, string | number>): Promise<void> {
    await this.wiring.client.hset(this.key, fields);
  }

  async record(): Promise<Fields> {
    const { record } = await this.snapshot();
    if (!record) throw new Error(`nothing stands at ${this.key}`);
    return record;
  }

  /** As if the lease had been short: it ended when the flow was created. */
  async lapse(): Promise<void> {
    await this.put({ leaseUntil: (await this.record())['createdAt']! });
  }

  /** As if the deadline had been near: it passed when the flow was created. Nobody has looked since. */
  async expire(): Promise<void> {
    await this.put({ deadlineAt: (await this.record())['createdAt']! });
  }
}

/** The words of a reply's head, behind its version and the server's time. */
// prettier-ignore
export const HEAD = [
  'status', 'fence', 'origin', 'attempt', 'createdAt', 'deadlineAt', 'leaseUntil', 'settledAt', 'freshUntil',
  'owner', 'settledBy',
];

/** A reply is strings: verdict, head, and where there is a record its metadata and its payload. */
export function replyOf(reply: readonly Buffer[]): Reply {
  expect(reply.every((part) => Buffer.isBuffer(part))).toBe(true);
  const [verdict, head, metadata, payload, ...more] = reply.map((part) => part.toString('latin1'));
  const [version, now, ...words] = head!.split(' ');
  expect([version, more]).toEqual(['1', []]);
  expect(words).toHaveLength(metadata === undefined ? 0 : HEAD.length);
  if (metadata === undefined) return { verdict: verdict!, now: Number(now), record: undefined };
  const record: Record<string, string> = { metadata };
  HEAD.forEach((field, at) => {
    if (words[at] !== '-') record[field] = words[at]!;
  });
  if (payload !== undefined) record[record['status'] === 'COMPLETED' ? 'result' : 'error'] = payload;
  return { verdict: verdict!, now: Number(now), record };
}

/** Depending on the protocol, HGETALL comes as a flat list or as an object. */
export function hashOf(reply: unknown): Fields | undefined {
  const flat = Array.isArray(reply) ? reply : Object.entries(reply as object).flat();
  if (flat.length === 0) return undefined;
  return fieldsOf(
    flat.map((part: Buffer | string) => (Buffer.isBuffer(part) ? part.toString('latin1') : part)),
  );
}

function fieldsOf(pairs: readonly string[]): Fields {
  const fields: Record<string, string> = {};
  for (let at = 0; at < pairs.length; at += 2) fields[pairs[at]!] = pairs[at + 1]!;
  return fields;
}
