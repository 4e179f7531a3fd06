import { useContract } from './helpers/contract.js';
import { type Flow } from './helpers/flow.js';
import { expectRefused } from './helpers/refusals.js';
import { argumentsFor, createArguments, reach, TIMED } from './helpers/states.js';
import { VARIANTS, VERBS } from './helpers/variants.js';

type Put = (flow: Flow) => Promise<unknown>;

/** What may stand under a flow's key that no script of this version wrote. */
const FOREIGN: readonly [what: string, code: string, put: Put][] = [
  ['an empty string', 'FLOWTYPE', ({ wiring, key }) => wiring.client.set(key, '')],
  ['a string', 'FLOWTYPE', ({ wiring, key }) => wiring.client.set(key, 'x')],
  ['a list', 'FLOWTYPE', ({ wiring, key }) => wiring.client.rpush(key, 'x')],
  ['a set', 'FLOWTYPE', ({ wiring, key }) => wiring.client.sadd(key, 'x')],
  ['a sorted set', 'FLOWTYPE', ({ wiring, key }) => wiring.client.zadd(key, 1, 'x')],
  ['a stream', 'FLOWTYPE', ({ wiring, key }) => wiring.client.xadd(key, '*', 'a', 'b')],
  ['a hash that is no record', 'FLOWTYPE', ({ wiring, key }) => wiring.client.hset(key, 'a', 'b')],
];

const NUMBERS = ['fence', 'origin', 'attempt', 'createdAt', 'deadlineAt'] as const;
const OPTIONAL_NUMBERS = ['leaseUntil', 'maxAttempts', 'settledAt', 'freshUntil'] as const;
const UNREADABLE = ['', 'x', 'nan', 'inf', '-1', '1.5', '0x10', '1e9', ' 1', '99999999999999999'];

describe.each(VARIANTS)('what is no flow, by $name', (variant) => {
  const contract = useContract(variant);

  async function refuse(flow: Flow, code: string): Promise<void> {
    for (const verb of VERBS) await expectRefused(flow, verb, [variant.publish, ...argumentsFor(verb)], code);
  }

  it.each(FOREIGN)('is refused and left alone by every verb: %s', async (_what, code, put) => {
    const flow = await contract.flow();
    await put(flow);
    await refuse(flow, code);
  });

  it.each(['0', '2', '01', '10', '9'.repeat(100)])('is refused when its version is "%s"', async (v) => {
    const flow = await reach(contract, 'owned, overdue');
    await flow.put({ v });
    await refuse(flow, 'FLOWVERSION');
  });

  it.each(['1.0', '-1', '', 'x'.repeat(100)])('is refused when its version is no number: "%s"', async (v) => {
    const flow = await reach(contract, 'owned, overdue');
    await flow.put({ v });
    await refuse(flow, 'FLOWTYPE');
  });

  it.each([...NUMBERS, 'status'])('is refused when it has no %s', async (field) => {
    const flow = await reach(contract, 'owned, overdue');
    await flow.put({ [field]: undefined });
    await refuse(flow, 'FLOWTYPE');
  });

  it.each([
    '1 ',
    '1 15',
    '1 15 PENDING 7',
    'half the line',
    'the line',
    'half the metadata',
    'all but the last line end',
  ])('is refused when it was cut after %s', async (where) => {
    const flow = await reach(contract, 'owned, overdue');
    const stored = await contract.client.get(flow.key);
    const line = stored!.indexOf('\n');
    const ends = {
      'half the line': line / 2,
      'the line': line,
      'half the metadata': line + 8,
      'all but the last line end': -1,
    };
    const end = (ends as Partial<Record<string, number>>)[where];
    await contract.client.set(flow.key, end === undefined ? where : stored!.slice(0, end), 'KEEPTTL');
    await refuse(flow, 'FLOWTYPE');
  });

  it.each(['x', '0', '14', '16', '-15', '99999999999999999'])(
    'is refused when its metadata has not the %s bytes it should have',
    async (bytes) => {
      const flow = await reach(contract, 'owned, overdue');
      const stored = await contract.client.get(flow.key);
      await contract.client.set(flow.key, stored!.replace(/^1 15 /, `1 ${bytes} `), 'KEEPTTL');
      await refuse(flow, 'FLOWTYPE');
    },
  );

  it.each([...NUMBERS, ...OPTIONAL_NUMBERS])('is refused when its %s is not a number', async (field) => {
    for (const value of UNREADABLE) {
      const flow = await reach(contract, 'owned');
      await flow.put({ [field]: value });
      await refuse(flow, 'FLOWTYPE');
    }
  });

  it.each(['owner', 'settledBy'])('is refused when its %s is not a word', async (field) => {
    for (const value of ['', 'two words', 'a\n']) {
      const flow = await reach(contract, 'owned');
      await flow.put({ [field]: value });
      await refuse(flow, 'FLOWTYPE');
    }
  });

  it.each(['', 'pending', 'DONE', 'SUPERSEDED'])('is refused when its status is "%s"', async (status) => {
    const flow = await reach(contract, 'owned, overdue');
    await flow.put({ status });
    await refuse(flow, 'FLOWTYPE');
  });

  it('is refused under the timer of a flow that is to have one', async () => {
    const flow = await contract.flow();
    await contract.client.rpush(flow.timer, 'x');
    await expectRefused(flow, 'create', [variant.publish, ...createArguments(TIMED)], 'FLOWTYPE');
  });

  it('does not supersede a flow, nor tell so, when another type stands under its timer', async () => {
    const flow = await reach(contract, 'open');
    await contract.client.rpush(flow.timer, 'x');
    const args = createArguments({ ...TIMED, conflict: 'supersede' });
    await expectRefused(flow, 'create', [variant.publish, ...args], 'FLOWTYPE');
  });

  it('falls back to the default retention when its own cannot be read', async () => {
    const flow = await reach(contract, 'open', { retention: '1 1 1 1' });
    await flow.put({ retention: 'x' });
    const { after, now } = await flow.act('settle', ['me', 'FAILED', '', 0]);
    expect(after.recordUntil).toBe(now + 60_000);
  });
});
