import type { FlowMessage } from '../../../src/contract/messages.js';
import type { StoredRecord } from '../../../src/contract/replies.js';
import { EVENTS, STATUSES, TERMINAL_STATUSES, type FlowEvent } from '../../../src/contract/status.js';
import { endingByMessage, endingByRecord, type Ending, type Follower } from '../../../src/waiters/ending.js';

const FLOW = { type: 't', id: 'i' };
const PAYLOAD = Buffer.from('"x"');
const NOW = 1_000;

type Outcome = 'goes on' | 'reads' | 'settled' | 'lapsed' | 'ERR_FLOW_SUPERSEDED' | 'ERR_FLOW_DELETED';

function outcomeOf(found: Ending | 'read' | undefined): Outcome {
  if (found === undefined) return 'goes on';
  if (found === 'read') return 'reads';
  return found.kind === 'error' ? ((found.error as { code?: string }).code as Outcome) : found.kind;
}

const follower = (change: Partial<Follower> = {}): Follower => ({
  origin: 5,
  boundAt: NOW,
  followsLease: false,
  ...change,
});

describe.each([false, true])('a waiter that %s take over (followsLease)', (followsLease) => {
  const waiter = follower({ followsLease });
  const message = (event: FlowEvent, change: Partial<FlowMessage> = {}): FlowMessage => ({
    event,
    origin: 5,
    fence: 7,
    at: NOW,
    payload: PAYLOAD,
    ...change,
  });

  const EXPECTED: Record<FlowEvent, Outcome> = {
    COMPLETED: 'settled',
    FAILED: 'settled',
    CANCELED: 'settled',
    TIMED_OUT: 'settled',
    SUPERSEDED: 'ERR_FLOW_SUPERSEDED',
    DELETED: 'ERR_FLOW_DELETED',
    RELEASED: followsLease ? 'lapsed' : 'goes on',
  };

  it.each(EVENTS)('ends as it should by %s of its own flow', (event) => {
    expect(outcomeOf(endingByMessage(FLOW, waiter, message(event)))).toBe(EXPECTED[event]);
  });

  it.each(EVENTS)('reads at %s of another flow, older or newer', (event) => {
    for (const origin of [4, 6])
      expect(endingByMessage(FLOW, waiter, message(event, { origin }))).toBe('read');
  });

  it.each(TERMINAL_STATUSES)('reads at %s whose payload stayed in the record', (event) => {
    expect(endingByMessage(FLOW, waiter, message(event, { payload: undefined }))).toBe('read');
  });

  it.each(TERMINAL_STATUSES)('takes status, fence and payload of %s', (status) => {
    expect(endingByMessage(FLOW, waiter, message(status))).toEqual({
      kind: 'settled',
      settlement: { status, origin: 5, fence: 7, payload: PAYLOAD, ownerLost: false },
    });
  });
});

describe.each([false, true])('what a read tells a waiter whose followsLease is %s', (followsLease) => {
  const waiter = follower({ followsLease });
  const record = (change: Partial<StoredRecord> = {}): StoredRecord => ({
    status: 'PENDING',
    fence: 7,
    origin: 5,
    attempt: 0,
    createdAt: 0,
    deadlineAt: 9_999,
    leaseUntil: undefined,
    settledAt: undefined,
    freshUntil: undefined,
    owner: undefined,
    settledBy: undefined,
    metadata: Buffer.alloc(0),
    payload: undefined,
    ...change,
  });
  const seen = (found: StoredRecord | undefined, now = NOW, by = waiter) =>
    outcomeOf(endingByRecord(FLOW, by, found, now));

  it.each(STATUSES)('means nothing before its own first read: %s', (status) => {
    const unbound = follower({ origin: undefined, followsLease });
    expect(seen(record({ status, leaseUntil: 1 }), NOW, unbound)).toBe('goes on');
    expect(seen(undefined, NOW + 1, unbound)).toBe('goes on');
  });

  it.each(STATUSES)(
    'is gone where an older flow is back, but only by a read later than its own: %s',
    (status) => {
      const older = record({ status, origin: 4, leaseUntil: 1 });
      expect(seen(older, NOW - 1)).toBe('reads');
      expect(seen(older, NOW)).toBe('reads');
      expect(seen(older, NOW + 1)).toBe('ERR_FLOW_DELETED');
    },
  );

  it.each(STATUSES)('is superseded by a newer flow: %s', (status) => {
    expect(seen(record({ status, origin: 6 }))).toBe('ERR_FLOW_SUPERSEDED');
  });

  it.each(TERMINAL_STATUSES)('is the end: %s', (status) => {
    expect(seen(record({ status, payload: PAYLOAD }))).toBe('settled');
  });

  it.each(TERMINAL_STATUSES)('is read whole where the payload of %s was left out', (status) => {
    expect(seen(record({ status }))).toBe(status === 'TIMED_OUT' ? 'settled' : 'reads');
  });

  it('is gone, but only by a read later than its own', () => {
    expect(seen(undefined, NOW - 1)).toBe('reads');
    expect(seen(undefined, NOW)).toBe('reads');
    expect(seen(undefined, NOW + 1)).toBe('ERR_FLOW_DELETED');
  });

  it.each([
    ['open', undefined, 'goes on'],
    ['owned', NOW + 1, 'goes on'],
    ['lapsed this moment', NOW, followsLease ? 'lapsed' : 'goes on'],
    ['lapsed', NOW - 1, followsLease ? 'lapsed' : 'goes on'],
  ] as const)('goes on, or may be taken over: %s', (_what, leaseUntil, expected) => {
    expect(seen(record(leaseUntil === undefined ? {} : { leaseUntil }))).toBe(expected);
  });

  it('says when the attempts were used up', () => {
    const found = endingByRecord(
      FLOW,
      waiter,
      record({ status: 'FAILED', settledBy: 'owner_lost', payload: PAYLOAD }),
      NOW,
    );
    expect(found).toMatchObject({ settlement: { ownerLost: true, payload: PAYLOAD } });
  });
});
