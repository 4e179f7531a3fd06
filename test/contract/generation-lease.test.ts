import { useContract } from './helpers/contract.js';
import { type Change, type Lease } from './helpers/lease.js';
import { type Argument, flattened, type LeaseVerb, LEASE_VERBS, VARIANTS } from './helpers/variants.js';

const DAY_MS = 86_400_000;
const LEASE_MS = 30_000;

const advance = ['advanceGeneration', 1] as const;
const expecting = (generation: number): readonly Argument[] => ['expectedGeneration', generation];

function expectUntouched(change: Change): void {
  expect(change.after).toEqual(change.before);
  expect(change.messages).toEqual([]);
}

describe.each(VARIANTS)('a generation lease, by $name', (variant) => {
  const contract = useContract(variant);

  const acquire = (lease: Lease, owner: string, ...options: readonly Argument[]): Promise<Change> =>
    lease.act('acquire', owner, LEASE_MS, ...options);

  it('is generation 0 and free where nothing stands, and looking writes nothing', async () => {
    const lease = await contract.lease();
    const change = await lease.act('generation');
    expect(change.verdict).toBe('not_found');
    expect(change.shown).toEqual({
      generation: 0,
      fence: '0',
      leaseUntil: undefined,
      owner: undefined,
      advancing: false,
    });
    expectUntouched(change);
  });

  it('can be looked at by what may only read', async () => {
    const lease = await contract.lease();
    await acquire(lease, 'a', ...advance);
    const lua = flattened('generation');
    const [verdict, head] = (await contract.client.call('EVAL_RO', [
      lua,
      2,
      lease.key,
      lease.timer,
      variant.publish,
    ])) as [string, string];
    expect(verdict).toBe('found');
    expect(head).toMatch(/^1 \d+ 1 \d+ \d+ a 1$/);
  });

  it('is taken by the first, in the generation that stands', async () => {
    const lease = await contract.lease();
    const { verdict, now, shown, after, messages } = await acquire(lease, 'a');
    expect(verdict).toBe('acquired');
    const leaseUntil = now + LEASE_MS;
    expect(shown).toEqual({ generation: 0, fence: shown.fence, leaseUntil, owner: 'a', advancing: false });
    expect(Math.floor(Number(shown.fence) / 1000)).toBe(now);
    expect(after).toEqual({
      record: {
        v: '1',
        generation: '0',
        fence: shown.fence,
        owner: 'a',
        leaseUntil: String(leaseUntil),
        advancing: '0',
      },
      recordUntil: leaseUntil + DAY_MS,
      timer: '1',
      timerUntil: leaseUntil,
    });
    expect(messages).toEqual([]);
  });

  it('is held for everybody else, whatever they ask for', async () => {
    const lease = await contract.lease();
    const first = await acquire(lease, 'a');
    for (const options of [[], advance, expecting(0), [...advance, ...expecting(0)]]) {
      const change = await acquire(lease, 'b', ...options);
      expect(change.verdict).toBe('held');
      expect(change.shown).toEqual(first.shown);
      expectUntouched(change);
    }
  });

  it('advances by one for who asks for it, and says so while it is held', async () => {
    const lease = await contract.lease();
    expect((await acquire(lease, 'a', ...advance)).shown).toMatchObject({ generation: 1, advancing: true });
    expect((await lease.act('generation')).shown).toMatchObject({
      generation: 1,
      advancing: true,
      owner: 'a',
    });
    await lease.act('free', 'a');
    expect((await lease.act('generation')).shown).toMatchObject({ generation: 1, advancing: false });
    expect((await acquire(lease, 'b', ...advance)).shown).toMatchObject({ generation: 2, advancing: true });
  });

  it('is stale for who expects another generation, held or not', async () => {
    const lease = await contract.lease();
    await acquire(lease, 'a', ...advance);
    for (const free of [false, true]) {
      if (free) await lease.act('free', 'a');
      for (const generation of [0, 2]) {
        const change = await acquire(lease, 'b', ...expecting(generation), ...advance);
        expect(change.verdict).toBe('stale');
        expect(change.shown.generation).toBe(1);
        expectUntouched(change);
      }
    }
    expect((await acquire(lease, 'b', ...expecting(1))).verdict).toBe('acquired');
  });

  it('gives each holder a larger fence', async () => {
    const lease = await contract.lease();
    let last = 0;
    for (const owner of ['a', 'b', 'c']) {
      const { shown } = await acquire(lease, owner);
      expect(Number(shown.fence)).toBeGreaterThan(last);
      last = Number(shown.fence);
      await lease.act('free', owner);
    }
  });

  it('gives a larger fence even when the clock went back', async () => {
    const lease = await contract.lease();
    await acquire(lease, 'a');
    const ahead = '9000000000000000';
    await contract.client.hset(lease.key, { fence: ahead });
    await lease.act('free', 'a');
    expect((await acquire(lease, 'b')).shown.fence).toBe('9000000000000001');
  });

  it('is free when its time is over, and keeps its generation', async () => {
    const lease = await contract.lease();
    await acquire(lease, 'a', ...advance);
    await lease.lapse();
    expect((await lease.act('generation')).shown).toMatchObject({
      generation: 1,
      owner: undefined,
      leaseUntil: undefined,
      advancing: false,
    });
    expect((await acquire(lease, 'b', ...expecting(1))).verdict).toBe('acquired');
  });

  it('is freed by its holder, who tells those who wait, and stays for a day', async () => {
    const lease = await contract.lease();
    const { shown } = await acquire(lease, 'a', ...advance);
    const change = await lease.act('free', 'a');
    expect(change.verdict).toBe('freed');
    expect(change.shown).toMatchObject({ generation: 1, owner: undefined });
    expect(change.messages).toEqual([`1 RELEASED 1 ${shown.fence} ${change.now} inline\n`]);
    expect(change.after).toEqual({
      record: { v: '1', generation: '1', fence: shown.fence, freed: 'a' },
      recordUntil: change.now + DAY_MS,
      timer: undefined,
      timerUntil: -2,
    });
  });

  it('is freed in silence when its time was over', async () => {
    const lease = await contract.lease();
    await acquire(lease, 'a');
    await lease.lapse();
    const change = await lease.act('free', 'a');
    expect(change.verdict).toBe('freed');
    expect(change.messages).toEqual([]);
    expect(change.after.record).not.toHaveProperty('owner');
  });

  it('is freed by nobody else', async () => {
    const lease = await contract.lease();
    const nothing = await lease.act('free', 'a');
    expect(nothing.verdict).toBe('not_found');
    expectUntouched(nothing);
    await acquire(lease, 'a');
    const other = await lease.act('free', 'b');
    expect(other.verdict).toBe('superseded');
    expectUntouched(other);
    await lease.lapse();
    await acquire(lease, 'b');
    const late = await lease.act('free', 'a');
    expect(late.verdict).toBe('superseded');
    expectUntouched(late);
  });

  describe('replayed', () => {
    it('acquire answers as it did, and takes nothing twice', async () => {
      const lease = await contract.lease();
      const first = await acquire(lease, 'a', ...advance);
      const again = await acquire(lease, 'a', ...advance);
      expect(again.verdict).toBe('acquired');
      expect(again.shown).toEqual(first.shown);
      expectUntouched(again);
    });

    it('acquire does not take a lease again that its owner freed', async () => {
      const lease = await contract.lease();
      await acquire(lease, 'a', ...advance);
      await lease.act('free', 'a');
      const again = await acquire(lease, 'a', ...advance);
      expect(again.verdict).toBe('over');
      expect(again.shown).toMatchObject({ generation: 1, owner: undefined });
      expectUntouched(again);
    });

    it('acquire does not prolong a lease whose time is over', async () => {
      const lease = await contract.lease();
      await acquire(lease, 'a', ...advance);
      await lease.lapse();
      const again = await acquire(lease, 'a', ...advance);
      expect(again.verdict).toBe('acquired');
      expect(again.shown.leaseUntil).toBeUndefined();
      expectUntouched(again);
    });

    it('free answers as it did, and tells nobody again', async () => {
      const lease = await contract.lease();
      await acquire(lease, 'a');
      await lease.act('free', 'a');
      for (const next of [undefined, 'b']) {
        if (next) await acquire(lease, next);
        const again = await lease.act('free', 'a');
        expect(again.verdict).toBe('freed');
        expectUntouched(again);
      }
    });
  });

  describe('refuses before anything is written', () => {
    const NO_TOKEN = ['', 'x'.repeat(65), 'a b', 'é', '-'];
    const NO_NUMBER = ['', 'x', '-1', '1.5', '1e3', '99999999999999999'];
    const good: Record<LeaseVerb, readonly Argument[]> = {
      acquire: ['me', LEASE_MS],
      free: ['me'],
      generation: [],
    };
    const bad: readonly [LeaseVerb, readonly Argument[]][] = [
      ['acquire', []],
      ['acquire', ['me']],
      ...NO_TOKEN.map((owner): [LeaseVerb, Argument[]] => ['acquire', [owner, LEASE_MS]]),
      ...[...NO_NUMBER, '0', '315360000001'].map((ms): [LeaseVerb, Argument[]] => ['acquire', ['me', ms]]),
      ...NO_NUMBER.map((at): [LeaseVerb, Argument[]] => [
        'acquire',
        ['me', LEASE_MS, 'expectedGeneration', at],
      ]),
      ...['', '0', 'true'].map((at): [LeaseVerb, Argument[]] => [
        'acquire',
        ['me', LEASE_MS, 'advanceGeneration', at],
      ]),
      ['acquire', ['me', LEASE_MS, 'advanceGeneration']],
      ['acquire', ['me', LEASE_MS, ...advance, ...advance]],
      ['acquire', ['me', LEASE_MS, 'colour', 'red']],
      ['free', []],
      ...NO_TOKEN.map((owner): [LeaseVerb, Argument[]] => ['free', [owner]]),
      ['free', ['me', 'more']],
      ['generation', ['more']],
    ];

    const contents = async (lease: Lease): Promise<unknown> => {
      const { client } = lease.wiring;
      return [
        await client.dumpBuffer(lease.key),
        await client.dumpBuffer(lease.timer),
        await client.keys(`${lease.key}*`),
      ];
    };

    async function expectRefused(
      lease: Lease,
      verb: LeaseVerb,
      args: readonly Argument[],
      code: string,
      keys: readonly string[] = [lease.key, lease.timer],
    ): Promise<void> {
      const before = await contents(lease);
      await expect(lease.raw(verb, keys, args)).rejects.toThrow(new RegExp(`^${code} .{10,}`));
      expect(await contents(lease)).toEqual(before);
    }

    it.each(bad)('bad arguments: %s %j', async (verb, args) => {
      const lease = await contract.lease();
      await expectRefused(lease, verb, [variant.publish, ...args], 'FLOWARG');
    });

    it.each(LEASE_VERBS)('%s with another publish verb, and with other keys', async (verb) => {
      const lease = await contract.lease();
      await expectRefused(lease, verb, ['publish', ...good[verb]], 'FLOWARG');
      for (const keys of [[], [lease.key], [lease.key, lease.timer, lease.timer]])
        await expectRefused(lease, verb, [variant.publish, ...good[verb]], 'FLOWARG', keys);
    });

    it.each(LEASE_VERBS)('%s where something else stands', async (verb) => {
      const args = [variant.publish, ...good[verb]];
      const { client } = contract;
      const foreign: readonly [string, (key: string) => Promise<unknown>][] = [
        ['FLOWTYPE', (key) => client.set(key, 'x')],
        ['FLOWTYPE', (key) => client.rpush(key, 'x')],
        ['FLOWTYPE', (key) => client.hset(key, { a: 'b' })],
        ['FLOWTYPE', (key) => client.hset(key, { v: '1' })],
        ['FLOWTYPE', (key) => client.hset(key, { v: '1', generation: 'x', fence: '1' })],
        ['FLOWTYPE', (key) => client.hset(key, { v: '1', generation: '1', fence: '1', owner: 'a' })],
        ['FLOWTYPE', (key) => client.hset(key, { v: '1', generation: '1', fence: '1', leaseUntil: '1' })],
        ['FLOWVERSION', (key) => client.hset(key, { v: '2', generation: '1', fence: '1' })],
      ];
      for (const [code, put] of foreign) {
        const lease = await contract.lease();
        await put(lease.key);
        await expectRefused(lease, verb, args, code);
      }
    });

    it('acquire where another type stands under the timer', async () => {
      const lease = await contract.lease();
      await contract.client.rpush(lease.timer, 'x');
      await expectRefused(lease, 'acquire', [variant.publish, ...good.acquire], 'FLOWTYPE');
    });
  });
});
