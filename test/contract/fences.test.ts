import { useContract } from './helpers/contract.js';
import { type Flow } from './helpers/flow.js';
import { createArguments, fenceOf, OWNED, pairs, reach, settleArguments } from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

/** A fence that Redis TIME in µs reaches in a few decades only. */
const FAR_AHEAD = 3_000_000_000_000_000;

describe.each(VARIANTS)('fences, by $name', (variant) => {
  const contract = useContract(variant);

  const NEW_FENCES: readonly [string, (flow: Flow) => Promise<unknown>][] = [
    ['supersede', (flow) => flow.run('create', createArguments({ conflict: 'supersede' }))],
    ['takeover', (flow) => flow.run('create', createArguments({ owner: 'owner-2', leaseMs: 1000 }))],
    [
      'delete and create',
      async (flow) => {
        await flow.run('delete', ['deletes']);
        await flow.run('create', createArguments());
      },
    ],
    [
      'settle and create',
      async (flow) => {
        await flow.run('settle', settleArguments('FAILED', ''));
        await flow.run('create', createArguments());
      },
    ],
    [
      'settle and replace',
      async (flow) => {
        await flow.run('settle', settleArguments('FAILED', ''));
        const options = { fence: await fenceOf(flow), replace: 1 };
        await flow.run('settle', settleArguments('COMPLETED', '', options));
      },
    ],
    [
      'timeout and create',
      async (flow) => {
        await flow.expire();
        await flow.run('create', createArguments());
      },
    ],
  ];

  it.each(NEW_FENCES)('grow by one when the last one is ahead of the clock: %s', async (_what, happen) => {
    const flow = await reach(contract, 'lapsed');
    await flow.put({ fence: FAR_AHEAD, origin: FAR_AHEAD });
    await happen(flow);
    expect(await fenceOf(flow)).toBe(String(FAR_AHEAD + 1));
  });

  it.each(NEW_FENCES)('are the clock in µs otherwise: %s', async (_what, happen) => {
    const flow = await reach(contract, 'lapsed');
    const before = await contract.client.time();
    await happen(flow);
    const after = await contract.client.time();
    const fence = Number(await fenceOf(flow));
    expect(fence).toBeGreaterThanOrEqual(Number(before[0]) * 1_000_000 + Number(before[1]));
    expect(fence).toBeLessThanOrEqual(Number(after[0]) * 1_000_000 + Number(after[1]));
  });

  it.each([
    ['renew', async (flow: Flow) => flow.run('renew', [await fenceOf(flow), 'owner-1', 1000])],
    ['release', async (flow: Flow) => flow.run('release', ['me', await fenceOf(flow), 'owner-1'])],
    ['settle', async (flow: Flow) => flow.run('settle', settleArguments('FAILED', ''))],
    ['join', async (flow: Flow) => flow.run('create', createArguments(OWNED))],
    ['read', async (flow: Flow) => flow.run('read', [])],
  ])('stay as they are: %s', async (_what, happen) => {
    const flow = await reach(contract, 'owned');
    const fence = await fenceOf(flow);
    await happen(flow);
    expect(await fenceOf(flow)).toBe(fence);
  });

  it('grow across the expiry of the key', async () => {
    const flow = await contract.flow();
    const options = pairs({ ...OWNED, retention: '1 1 1 1' });
    const first = await flow.run('create', ['first', 1, '', ...options]);
    while (await contract.client.exists(flow.key));
    expect((await flow.run('settle', settleArguments('FAILED', ''))).verdict).toBe('not_found');
    await flow.run('create', createArguments(OWNED));
    const fence = Number(await fenceOf(flow));
    expect(fence).toBeGreaterThan(Number(first.record!['fence']));
    const zombie = settleArguments('COMPLETED', '', { fence: first.record!['fence']! });
    expect((await flow.run('settle', zombie)).verdict).toBe('superseded');
  });

  it('grow across many deletions in a row', async () => {
    const flow = await reach(contract, 'open');
    await flow.put({ fence: FAR_AHEAD, origin: FAR_AHEAD });
    for (let times = 1; times <= 5; times += 1) {
      await flow.run('delete', [`delete-${times}`]);
      await flow.run('create', createArguments());
      expect(await fenceOf(flow)).toBe(String(FAR_AHEAD + times));
    }
  });

  it('are compared as they are written, to the last digit', async () => {
    const flow = await reach(contract, 'owned');
    await flow.put({ fence: '9007199254740990', origin: '9007199254740990' });
    const stale = settleArguments('COMPLETED', '', { fence: '9007199254740991' });
    expect((await flow.run('settle', stale)).verdict).toBe('superseded');
    const right = settleArguments('COMPLETED', '', { fence: '9007199254740990' });
    expect((await flow.run('settle', right)).verdict).toBe('applied');
  });

  it('are exact strings in records and messages, never in exponent form', async () => {
    const flow = await reach(contract, 'open');
    const { after, messages } = await flow.act('settle', settleArguments('COMPLETED', ''));
    expect(after.record!['fence']).toMatch(/^\d{16}$/);
    expect(messages[0]).toMatch(/^1 COMPLETED \d{16} \d{16} \d{13} inline\n$/);
  });
});
