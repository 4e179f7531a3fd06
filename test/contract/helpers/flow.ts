import { type Redis } from 'ioredis';
import { editRecord, type Fields, fieldsOf } from '../../helpers/record.js';
import { unpacked } from '../../helpers/unpacked.js';
import { type Subscriber } from './subscriber.js';
import { type Argument, type Call, type Verb } from './variants.js';

export interface Reply {
  readonly verdict: string;
  readonly now: number;
  readonly record: Fields | undefined;
}

/** What a delete leaves under the record's key, for its replays and for the flow that comes next. */
export interface Receipt {
  readonly fence: string;
  readonly deletedBy: string;
  /** Who settled the flow that was deleted, or the one before it. */
  readonly endedBy?: string;
}

/** All that Redis holds of a flow. Instants are in ms since the epoch; -1: never expires, -2: not there. */
export interface Snapshot {
  readonly record: Fields | undefined;
  readonly receipt: Receipt | undefined;
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
    // One key or two are a call's; any other number is the batch's own to refuse.
    if (through && (keys.length === 1 || keys.length === 2)) {
      const framed = [script, keys.length, ...keys, args[0] ?? '', ...batchedCall(verb, args.slice(1))];
      const [reply] = (await this.wiring.client.callBuffer(command, framed)) as unknown[];
      if (reply instanceof Error) throw reply;
      return replyOf(unpacked(reply as Buffer));
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
    const [stored, recordUntil, timer, timerUntil] = await Promise.all([
      client.getBuffer(this.key),
      client.pexpiretime(this.key),
      client.get(this.timer),
      client.pexpiretime(this.timer),
    ]);
    const { timer: _noted, ...fields } = fieldsOf(stored) ?? {}; // the key itself is looked at
    const record = 'v' in fields ? (fields as Fields) : undefined;
    const receipt = record ? undefined : receiptOf(stored);
    return { record, receipt, recordUntil, timer: timer ?? undefined, timerUntil };
  }

  /** Writes fields behind the scripts' back: how the tests make time pass. What is `undefined` is taken away. */
  async put(fields: Readonly<Record<string, string | number | undefined>>): Promise<void> {
    await editRecord(this.wiring.client, this.key, fields);
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
/** A call as a batch takes it: what can be a word stands in the call, as far as clients write it so. */
export function batchedCall(verb: string, args: readonly Argument[]): Argument[] {
  const most = args.slice(0, 2).findIndex((one) => !/^[!-~]+$/.test(String(one)));
  const words = args.slice(0, most < 0 ? 2 : most);
  return [[verb, args.length - words.length, ...words].join(' '), ...args.slice(words.length)];
}

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

function receiptOf(stored: Buffer | null): Receipt | undefined {
  if (!stored) return undefined;
  // A receipt is written like a record, which is how its words are read here.
  const words = fieldsOf(Buffer.from(stored.toString('latin1').replace(' DELETED ', ' PENDING '), 'latin1'))!;
  const endedBy = words['settledBy'] ?? words['endedBy'];
  return {
    fence: words['fence']!,
    deletedBy: words['deletedBy']!,
    ...(endedBy !== undefined && { endedBy }),
  };
}
