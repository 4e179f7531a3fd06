import { type Fields } from '../../helpers/record.js';
import { type Wiring } from './flow.js';
import { type Argument, type LeaseVerb } from './variants.js';

/** A lease as a reply shows it. */
export interface Shown {
  readonly generation: number;
  readonly fence: string;
  readonly leaseUntil: number | undefined;
  readonly owner: string | undefined;
  readonly advancing: boolean;
}

/** All that Redis holds of a lease. Instants are in ms since the epoch; -1: never expires, -2: not there. */
interface Snapshot {
  readonly record: Fields | undefined;
  readonly recordUntil: number;
  readonly timer: string | undefined;
  readonly timerUntil: number;
}

export interface Change {
  readonly verdict: string;
  readonly now: number;
  readonly shown: Shown;
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly messages: readonly string[];
}

/** A generation lease, for the raw scripts. */
export class Lease {
  readonly timer: string;

  constructor(
    readonly key: string,
    readonly wiring: Wiring,
  ) {
    this.timer = `${key}:timer`;
  }

  async raw(verb: LeaseVerb, keys: readonly string[], args: readonly Argument[]): Promise<Buffer[]> {
    const [command, script] = this.wiring.call(verb);
    return this.wiring.client.callBuffer(command, [script, keys.length, ...keys, ...args]) as Promise<
      Buffer[]
    >;
  }

  /** Runs a script, the publish verb in front of `args`, and gives what it answered, changed and published. */
  async act(verb: LeaseVerb, ...args: readonly Argument[]): Promise<Change> {
    const { subscriber, publish } = this.wiring;
    await subscriber.drain(this.key);
    const before = await this.snapshot();
    const reply = await this.raw(verb, [this.key, this.timer], [publish, ...args]);
    const after = await this.snapshot();
    return { ...replyOf(reply), before, after, messages: await subscriber.drain(this.key) };
  }

  async snapshot(): Promise<Snapshot> {
    const { client } = this.wiring;
    const [fields, recordUntil, timer, timerUntil] = await Promise.all([
      client.callBuffer('HGETALL', this.key),
      client.pexpiretime(this.key),
      client.get(this.timer),
      client.pexpiretime(this.timer),
    ]);
    return { record: hashOf(fields), recordUntil, timer: timer ?? undefined, timerUntil };
  }

  /** As if the lease had been short: it has just run out, and nobody has looked since. */
  async lapse(): Promise<void> {
    await this.wiring.client.hset(this.key, { leaseUntil: Date.now() - 1 });
  }
}

/** Depending on the protocol, HGETALL comes as a flat list or as an object. */
export function hashOf(reply: unknown): Fields | undefined {
  const flat = Array.isArray(reply) ? reply : Object.entries(reply as object).flat();
  if (flat.length === 0) return undefined;
  const parts = flat.map((part: Buffer | string) => (Buffer.isBuffer(part) ? part.toString('latin1') : part));
  const fields: Record<string, string> = {};
  for (let at = 0; at < parts.length; at += 2) fields[parts[at]!] = parts[at + 1]!;
  return fields;
}

function replyOf(reply: readonly Buffer[]): Pick<Change, 'verdict' | 'now' | 'shown'> {
  expect(reply).toHaveLength(2);
  const [verdict, head] = reply.map((part) => part.toString('latin1'));
  const words = head!.split(' ');
  expect(words).toHaveLength(7);
  expect(words[0]).toBe('1');
  const [, now, generation, fence, leaseUntil, owner, advancing] = words;
  const shown = {
    generation: Number(generation),
    fence: fence!,
    leaseUntil: leaseUntil === '-' ? undefined : Number(leaseUntil),
    owner: owner === '-' ? undefined : owner,
    advancing: advancing === '1',
  };
  return { verdict: verdict!, now: Number(now), shown };
}
