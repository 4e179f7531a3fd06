import { createHash } from 'node:crypto';
import { useContract, type Contract } from './helpers/contract.js';
import { batchedCall, newRequest, type Flow } from './helpers/flow.js';
import { flattened, VARIANTS, type Argument } from './helpers/variants.js';

const VARIANT = VARIANTS[0]!;
const SHA1 = createHash('sha1').update(flattened('batch')).digest('hex');

interface One {
  readonly flow: Flow;
  readonly verb: string;
  readonly args: readonly Argument[];
}

describe('batch', () => {
  const contract = useContract(VARIANT);

  beforeAll(() => contract.client.script('LOAD', flattened('batch')));

  const send = (keys: readonly string[], values: readonly Argument[]): Promise<unknown[]> =>
    contract.client.call('EVALSHA', SHA1, keys.length, ...keys, ...values) as Promise<unknown[]>;

  const run = (calls: readonly One[]): Promise<unknown[]> =>
    send(
      calls.flatMap(({ flow }) => [flow.key, flow.timer]),
      frameOf(...calls),
    );

  const create = (flow: Flow, request = newRequest()): One => ({
    flow,
    verb: 'create',
    args: [request, 60_000, '{}'],
  });
  const complete = (flow: Flow, payload: string, request = newRequest()): One => ({
    flow,
    verb: 'settle',
    args: [request, 'COMPLETED', payload, 8_192],
  });
  const read = (flow: Flow): One => ({ flow, verb: 'read', args: [] });

  it('runs calls for many flows, and several for one, in their order', async () => {
    const [one, other] = await flows(contract, 2);
    const replies = await run([
      read(one),
      create(one),
      create(other),
      complete(one, '"first"'),
      complete(one, '"second"'),
      read(one),
      read(other),
    ]);
    expect(replies.map(verdictOf)).toEqual([
      'not_found',
      'created',
      'created',
      'applied',
      'already_settled',
      'found',
      'found',
    ]);
    expect((await one.record())['result']).toBe('"first"');
  });

  it('answers a replay as it answered the first time', async () => {
    const [one, other] = await flows(contract, 2);
    const calls = [create(one), complete(one, '1'), create(other)];
    expect((await run(calls)).map(verdictOf)).toEqual(['created', 'applied', 'created']);
    expect((await run(calls)).map(verdictOf)).toEqual(['created', 'duplicate', 'created']);
  });

  it('ends a refused call alone, and one that Redis refuses', async () => {
    const [good, foreign, bad, after] = await flows(contract, 4);
    await contract.client.hset(foreign.key, 'a', 'string');
    const replies = await run([
      create(good),
      create(foreign),
      { flow: bad, verb: 'create', args: ['a b', 60_000, '{}'] },
      { flow: bad, verb: 'settle', args: ['short'] },
      create(after),
    ]);
    expect(replies.map(verdictOf)).toEqual([
      'created',
      expect.stringMatching(/^FLOWTYPE the record key holds another Redis type/),
      expect.stringMatching(/^FLOWARG request must be/),
      expect.stringMatching(/^FLOWARG 5 arguments are needed, got 2/),
      'created',
    ]);
    await contract.client.del(foreign.key);
  });

  it('ends a call alone whose second key is not its timer, or whose count runs into the words', async () => {
    const [one, other] = await flows(contract, 2);
    await run([create(other)]);
    const calls = [create(one), complete(other, '1')];
    const crossed = await send([one.key, other.timer, other.key, one.timer], frameOf(...calls));
    expect(crossed.map(verdictOf)).toEqual(
      calls.map((): unknown => expect.stringMatching(/^FLOWARG the second key must be/)),
    );
    expect((await one.snapshot()).record).toBeUndefined();
    expect((await other.record())['status']).toBe('PENDING');
    const close = await send(keysOf(other), [VARIANT.publish, 'read 0replyLimit 5']);
    expect(close.map(verdictOf)).toEqual([expect.stringMatching(/^FLOWARG count must be followed by/)]);
  });

  it('ends each call with the error that Redis gives it when memory is short', async () => {
    const [one, other] = await flows(contract, 2);
    await run([create(one)]);
    await contract.client.config('SET', 'maxmemory', '1');
    try {
      const replies = await run([create(other), read(one), complete(one, '1')]);
      expect(replies.map(verdictOf)).toEqual([
        expect.stringContaining('OOM'),
        'found',
        expect.stringContaining('OOM'),
      ]);
    } finally {
      await contract.client.config('SET', 'maxmemory', '0');
    }
    expect((await one.record())['status']).toBe('PENDING');
  });

  it('tells nobody of what memory did not allow, and deletes all the same', async () => {
    const [one] = await flows(contract, 2);
    await run([create(one)]);
    const supersede = ['other', 60_000, '{}', 'conflict', 'supersede'];
    await contract.client.config('SET', 'maxmemory', '1');
    try {
      await expect(one.act('create', supersede)).rejects.toThrow(/OOM/);
      expect(await one.wiring.subscriber.drain(one.key)).toEqual([]);
      expect((await one.run('delete', [newRequest()])).verdict).toBe('deleted');
    } finally {
      await contract.client.config('SET', 'maxmemory', '0');
    }
  });

  it.each<[what: string, frame: (one: Flow, other: Flow) => [string[], Argument[]], says: RegExp]>([
    ['no key', (one) => [[], frameOf(create(one))], /^FLOWARG each call needs one key/],
    [
      'three keys for a call',
      (one) => [[...keysOf(one), one.timer], frameOf(create(one))],
      /^FLOWARG each call needs one key/,
    ],
    ['a verb that no batch runs', (one) => [keysOf(one), ['PUBLISH', 'delete 0']], /^FLOWARG call must/],
    ['no call', (one) => [keysOf(one), ['PUBLISH']], /^FLOWARG each call needs one key/],
    ['nothing', (one) => [keysOf(one), []], /^FLOWARG publish must be/],
    ['another command to publish', (one) => [keysOf(one), ['GET', 'read 0']], /^FLOWARG publish must be/],
    ['a count that is no number', (one) => [keysOf(one), ['PUBLISH', 'read x']], /^FLOWARG call must/],
    ['no count', (one) => [keysOf(one), ['PUBLISH', 'read']], /^FLOWARG call must/],
    [
      'a count past the limit',
      (one) => [keysOf(one), ['PUBLISH', 'read 65']],
      /^FLOWARG count must be 0 to 64/,
    ],
    ['too few arguments', (one) => [keysOf(one), ['PUBLISH', 'read 2', 'x']], /^FLOWARG the counts/],
    [
      'an argument left over',
      (one) => [keysOf(one), [...frameOf(create(one)), 'more']],
      /^FLOWARG call must/,
    ],
    [
      'more keys than calls',
      (one, other) => [[...keysOf(one), ...keysOf(other)], frameOf(create(one))],
      /^FLOWARG each call needs one key/,
    ],
  ])('runs nothing when given %s', async (_what, frame, says) => {
    const [one, other] = await flows(contract, 2);
    const [keys, values] = frame(one, other);
    await expect(send(keys, values)).rejects.toThrow(says);
    for (const flow of [one, other]) expect((await flow.snapshot()).record).toBeUndefined();
  });
});

async function flows(contract: Contract, many: 2): Promise<[Flow, Flow]>;
async function flows(contract: Contract, many: 4): Promise<[Flow, Flow, Flow, Flow]>;
async function flows(contract: Contract, many: number): Promise<Flow[]> {
  return Promise.all(Array.from({ length: many }, () => contract.flow()));
}

function keysOf(flow: Flow): string[] {
  return [flow.key, flow.timer];
}

function frameOf(...calls: readonly One[]): Argument[] {
  return [VARIANT.publish, ...calls.flatMap(({ verb, args }) => batchedCall(verb, args))];
}

function verdictOf(reply: unknown): unknown {
  return reply instanceof Error ? reply.message : (reply as string).split(' ')[0];
}
