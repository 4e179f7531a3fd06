import { useContract } from './helpers/contract.js';
import { type Change } from './helpers/flow.js';
import {
  bring,
  createArguments,
  expectTimedOut,
  expectUntouched,
  fenceOf,
  message,
  OVERDUE,
  PENDING,
  reach,
  settleArguments,
  shown,
  type State,
  TERMINAL,
  TIMED,
} from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

const KINDS = [
  { status: 'COMPLETED', field: 'result', retentionMs: 300_000 },
  { status: 'FAILED', field: 'error', retentionMs: 60_000 },
  { status: 'CANCELED', field: 'error', retentionMs: 60_000 },
] as const;
type Kind = (typeof KINDS)[number];

const TOO_LATE: readonly [State, string][] = [
  ['completed', 'already_settled'],
  ['failed', 'already_settled'],
  ['canceled', 'already_settled'],
  ['timed out', 'late'],
];
const PAYLOAD = 'the payload';

const ANEW = ['create', createArguments({ conflict: 'supersede' })] as const;
const DELETED = ['delete', ['deletes']] as const;
const AFTERWARDS = [
  ['opened in its place', [['create', createArguments({ reuse: 'TIMED_OUT' })]]],
  ['opened whatever stood there', [ANEW]],
  ['opened, and superseded by another', [ANEW, ['create', createArguments({ conflict: 'supersede' })]]],
  ['opened once it was deleted', [DELETED, ['create', createArguments()]]],
  ['opened once it and another were deleted', [ANEW, DELETED, ['create', createArguments()]]],
] as const;

function expectApplied(change: Change, { status, field, retentionMs }: Kind, request: string): void {
  const { before, after, now } = change;
  const settled = { status, [field]: PAYLOAD, settledAt: String(now), settledBy: request };
  expect(change.verdict).toBe('applied');
  expect(after.record).toEqual({ ...before.record, ...settled });
  expect(after.recordUntil).toBe(now + retentionMs);
  expect(after.timer).toBeUndefined();
  expect(change.messages).toEqual([message(status, before.record!, now, PAYLOAD)]);
  expect(change.record).toEqual(shown(after.record, field));
}

describe.each(VARIANTS)('settle, by $name', (variant) => {
  const contract = useContract(variant);

  describe.each(KINDS)('to $status', (kind) => {
    const settle = (options = {}, request?: string) =>
      settleArguments(kind.status, PAYLOAD, options, request);

    it('finds nothing where nothing stands', async () => {
      const flow = await reach(contract, 'absent');
      const change = await flow.act('settle', settle());
      expect(change.verdict).toBe('not_found');
      expectUntouched(change);
    });

    it.each(PENDING)('ends a flow that is %s', async (state) => {
      const flow = await reach(contract, state, TIMED);
      expectApplied(await flow.act('settle', settle({}, 'me')), kind, 'me');
    });

    it.each(PENDING)('ends a flow that is %s and has the fence given', async (state) => {
      const flow = await reach(contract, state, TIMED);
      const fence = await fenceOf(flow);
      expectApplied(await flow.act('settle', settle({ fence }, 'me')), kind, 'me');
    });

    it.each(TOO_LATE)('leaves a flow that is %s alone: %s', async (state, verdict) => {
      const flow = await reach(contract, state);
      const change = await flow.act('settle', settle());
      expect(change.verdict).toBe(verdict);
      expectUntouched(change);
    });

    it.each(TOO_LATE)('leaves a flow that is %s alone, its fence given: %s', async (state, verdict) => {
      const flow = await reach(contract, state);
      const change = await flow.act('settle', settle({ fence: await fenceOf(flow) }));
      expect(change.verdict).toBe(verdict);
      expectUntouched(change);
    });

    it.each([...PENDING, ...TERMINAL])(
      'is superseded by another fence on a flow that is %s',
      async (state) => {
        const flow = await reach(contract, state);
        for (const by of [-1, 1]) {
          const change = await flow.act('settle', settle({ fence: Number(await fenceOf(flow)) + by }));
          expect(change.verdict).toBe('superseded');
          expectUntouched(change);
        }
      },
    );

    it.each(OVERDUE)('is late for a flow that is %s, and times it out', async (state) => {
      const flow = await reach(contract, state, TIMED);
      const change = await flow.act('settle', settle());
      expect(change.verdict).toBe('late');
      expectTimedOut(change);
      expect(change.record).toEqual(shown(change.after.record));
    });

    it.each(OVERDUE)(
      'is superseded by another fence on a flow that is %s, and times it out',
      async (state) => {
        const flow = await reach(contract, state, TIMED);
        const change = await flow.act('settle', settle({ fence: 1 }));
        expect(change.verdict).toBe('superseded');
        expectTimedOut(change);
      },
    );

    it('keeps the record as long as its flow says', async () => {
      const flow = await reach(contract, 'open', { retention: '1001 1002 1003 1004' });
      const { after, now } = await flow.act('settle', settle());
      expect(after.recordUntil - now).toBe({ COMPLETED: 1001, FAILED: 1002, CANCELED: 1003 }[kind.status]);
    });

    it('keeps the record as long as it says itself', async () => {
      const flow = await reach(contract, 'open', { retention: '1001 1002 1003 1004' });
      const { after, now } = await flow.act('settle', settle({ retentionMs: 77_000 }));
      expect(after.recordUntil - now).toBe(77_000);
    });

    it('answers a replay as the first time, and says nothing again', async () => {
      const flow = await reach(contract, 'owned');
      await flow.run('settle', settle({ fence: await fenceOf(flow) }, 'me'));
      const change = await flow.act('settle', settle({ fence: await fenceOf(flow) }, 'me'));
      expect(change.verdict).toBe('duplicate');
      expectUntouched(change);
    });

    it.each([...PENDING, ...TERMINAL])('with replace, settles a flow that is %s', async (state) => {
      const flow = await reach(contract, state);
      const fence = await fenceOf(flow);
      const change = await flow.act('settle', settle({ fence, replace: 1 }, 'me'));
      const { before, after, now } = change;
      const pending = before.record!['status'] === 'PENDING';
      expect(change.verdict).toBe('applied');
      const { result: _result, error: _error, ...kept } = before.record!;
      expect(after.record).toEqual({
        ...kept,
        status: kind.status,
        [kind.field]: PAYLOAD,
        settledAt: String(now),
        settledBy: 'me',
        fence: pending ? fence : after.record!['fence'],
        ...(!pending && { endedBy: before.record!['settledBy'] }),
      });
      if (!pending) expect(Number(after.record!['fence'])).toBeGreaterThan(Number(fence));
      expect(after.recordUntil).toBe(now + kind.retentionMs);
      expect(change.messages).toEqual([message(kind.status, after.record!, now, PAYLOAD)]);
      expect(change.record).toEqual(shown(after.record, kind.field));
    });

    it('with replace, is a compare-and-set: of two who saw the same fence, one replaces', async () => {
      const flow = await reach(contract, 'completed');
      const fence = await fenceOf(flow);
      const first = await flow.act('settle', settle({ fence, replace: 1 }, 'first'));
      const second = await flow.act('settle', settle({ fence, replace: 1 }, 'second'));
      const replay = await flow.act('settle', settle({ fence, replace: 1 }, 'first'));
      expect([first.verdict, second.verdict, replay.verdict]).toEqual(['applied', 'superseded', 'duplicate']);
      expectUntouched(second);
      expectUntouched(replay);
    });

    it('answers a replay of what was replaced meanwhile without settling it again', async () => {
      const flow = await reach(contract, 'open');
      await flow.run('settle', settle({}, 'first'));
      await flow.run('settle', settle({ fence: await fenceOf(flow), replace: 1 }, 'second'));
      const change = await flow.act('settle', settle({}, 'first'));
      expect(change.verdict).toBe('duplicate');
      expectUntouched(change);
    });

    it.each(AFTERWARDS)(
      'never settles a successor when it is replayed: one that was %s',
      async (_what, events) => {
        const flow = await reach(contract, 'open');
        await flow.run('settle', settle({}, 'me'));
        for (const [verb, args] of events) await flow.run(verb, args);
        const change = await flow.act('settle', settle({}, 'me'));
        expect(change.verdict).toBe('duplicate');
        expectUntouched(change);
        expect((await flow.act('settle', settle({}, 'another'))).verdict).toBe('applied');
      },
    );
  });

  it('keeps freshUntil with a completed record, and a replacement without one takes it away', async () => {
    const flow = await reach(contract, 'open');
    const first = await flow.act('settle', settleArguments('COMPLETED', PAYLOAD, { freshUntil: 12_345 }));
    expect(first.after.record).toMatchObject({ freshUntil: '12345', status: 'COMPLETED' });
    const again = { fence: await fenceOf(flow), replace: 1 };
    const second = await flow.act('settle', settleArguments('COMPLETED', PAYLOAD, again));
    expect(second.after.record).not.toHaveProperty('freshUntil');
  });

  describe('with ownChannel', () => {
    const large = 'x'.repeat(65_537);

    it.each([
      ['alone', {}],
      ['beside another option', { replyLimit: 100 }],
    ])('%s, tells that channel before the waiters, once', async (_what, options) => {
      const flow = await reach(contract, 'open', TIMED);
      const own = `${flow.key}:own`; // of its slot, for the variants with SPUBLISH
      await flow.wiring.subscriber.listen(own);
      const args = settleArguments('COMPLETED', PAYLOAD, { ...options, ownChannel: own }, 'me');
      expectApplied(await flow.act('settle', args), KINDS[0], 'me');
      const heard = () =>
        flow.wiring.subscriber.order.filter(
          ({ channel, message }) => channel === own || (channel === flow.key && message.startsWith('1 ')),
        );
      expect(heard().map(({ channel }) => channel)).toEqual([own, flow.key]);
      expect(heard()[0]!.message).toBe('');

      const replay = await flow.act('settle', args);
      expect(replay.verdict).toBe('duplicate');
      expectUntouched(replay);
      expect(heard()).toHaveLength(2);
      await flow.wiring.subscriber.leave(own);
    });

    it('settles where that channel cannot be told', async () => {
      const flow = await reach(contract, 'open', TIMED);
      const args = settleArguments('COMPLETED', PAYLOAD, { ownChannel: 'in another slot' }, 'me');
      expectApplied(await flow.act('settle', args), KINDS[0], 'me');
    });

    it('leaves a large payload out of its reply, unless replyLimit says otherwise', async () => {
      const flow = await reach(contract, 'open');
      await flow.run('settle', settleArguments('COMPLETED', large));
      const late = (options: object) =>
        flow.run('settle', settleArguments('COMPLETED', '', { ownChannel: 'own', ...options }));
      expect((await late({})).record).not.toHaveProperty('result');
      expect((await late({ replyLimit: 65_537 })).record).toHaveProperty('result', large);
    });
  });

  it('settles a flow that was taken over by the new fence only', async () => {
    const flow = await contract.flow();
    await bring(flow, 'lapsed');
    const stale = await fenceOf(flow);
    await flow.run('create', ['takes-over', 1000, '', 'owner', 'owner-2', 'leaseMs', 1000]);
    const zombie = await flow.act('settle', settleArguments('COMPLETED', PAYLOAD, { fence: stale }));
    expect(zombie.verdict).toBe('superseded');
    expectUntouched(zombie);
    const owner = settleArguments('COMPLETED', PAYLOAD, { fence: await fenceOf(flow) });
    expect((await flow.act('settle', owner)).verdict).toBe('applied');
  });
});
