import { lacksPayload, parseReply, verdictOf, type StoredRecord } from '../../../src/contract/replies.js';
import { STATUSES } from '../../../src/contract/status.js';
import { FlowRecordError } from '../../../src/index.js';

const bytes = (...parts: string[]) => parts.map((part) => Buffer.from(part));

/** A reply's head: `1 <now>` and the record's fields as words, `-` for one that it does not have. */
function head(change: Partial<Record<keyof StoredRecord, string>> = {}): string {
  const fields = {
    status: 'PENDING',
    fence: '1700000000000001',
    origin: '1700000000000000',
    attempt: '2',
    createdAt: '10',
    deadlineAt: '20',
    leaseUntil: '-',
    settledAt: '-',
    freshUntil: '-',
    owner: '-',
    settledBy: '-',
    ...change,
  };
  return `1 1700000000000 ${Object.values(fields).join(' ')}`;
}

it('reads verdict and server time, and no record where there is none', () => {
  expect(parseReply(bytes('not_found', '1 1700000000000'))).toEqual({
    verdict: 'not_found',
    now: 1_700_000_000_000,
    record: undefined,
  });
});

it('reads numbers as numbers, words as strings, payloads as bytes, and nothing for what there is not', () => {
  const pending = parseReply(bytes('joined', head(), '{}'));
  expect(pending).toEqual({
    verdict: 'joined',
    now: 1_700_000_000_000,
    record: {
      status: 'PENDING',
      fence: 1_700_000_000_000_001,
      origin: 1_700_000_000_000_000,
      attempt: 2,
      createdAt: 10,
      deadlineAt: 20,
      leaseUntil: undefined,
      settledAt: undefined,
      freshUntil: undefined,
      owner: undefined,
      settledBy: undefined,
      metadata: Buffer.from('{}'),
      payload: undefined,
    },
  });
  const all = {
    leaseUntil: '15',
    settledAt: '14',
    freshUntil: '99',
    owner: 'me',
    settledBy: 'me.1',
    status: 'COMPLETED',
  };
  const { record } = parseReply(bytes('settled', head(all), 'm', '\u00ff'));
  const expected = {
    leaseUntil: 15,
    settledAt: 14,
    freshUntil: 99,
    owner: 'me',
    settledBy: 'me.1',
    status: 'COMPLETED',
  };
  expect(record).toMatchObject({ ...expected, metadata: Buffer.from('m'), payload: Buffer.from('\u00ff') });
});

it('takes empty metadata and an empty payload for what they are', () => {
  const { record } = parseReply(bytes('found', head({ status: 'COMPLETED' }), '', ''));
  expect(record).toMatchObject({ metadata: Buffer.alloc(0), payload: Buffer.alloc(0) });
  expect(lacksPayload(record!)).toBe(false);
});

it.each(STATUSES)('knows the status %s, and whether its payload was left out', (status) => {
  const { record } = parseReply(bytes('found', head({ status }), 'm'));
  expect(record?.status).toBe(status);
  expect(lacksPayload(record!)).toBe(!['PENDING', 'TIMED_OUT'].includes(status));
});

it('refuses a status and a version that it does not know, by name', () => {
  const paused = () => parseReply(bytes('found', head({ status: 'PAUSED' }), 'm'));
  expect(paused).toThrow(FlowRecordError);
  expect(paused).toThrow('"PAUSED"');
  expect(() => parseReply(bytes('found', '2 1700000000000'))).toThrow('unknown version 2');
});

it.each([
  [undefined],
  [null],
  ['OK'],
  [1],
  [[]],
  [bytes('found')],
  [{}],
  [bytes('found', '1 1 PENDING', 'm').slice(0, 1)],
])('refuses a reply that is none: %p', (reply) => {
  expect(() => parseReply(reply)).toThrow(FlowRecordError);
});

describe('one string from a batch', () => {
  const packed = (verdict: string, metadata: string, payload?: string, change = {}) =>
    Buffer.from(
      `${verdict} ${Buffer.byteLength(metadata)} ${head(change)}\n${metadata}${payload === undefined ? '' : `\n${payload}`}`,
    );

  it.each([
    ['created', '{}', undefined],
    ['settled', '', ''],
    ['found', 'two\nlines of metadata \u00ff', 'three\n\nlines'],
    ['already_settled', '\n', '\n'],
  ])('says the same as an array: %s', (verdict, metadata, payload) => {
    const change = { status: payload === undefined ? 'PENDING' : 'COMPLETED' };
    const parts = [verdict, head(change), metadata, ...(payload === undefined ? [] : [payload])];
    const reply = packed(verdict, metadata, payload, change);
    expect(parseReply(reply)).toEqual(parseReply(bytes(...parts)));
    expect(verdictOf(reply)).toBe(verdict);
    expect(verdictOf(bytes(...parts))).toBe(verdict);
  });

  it('has no record where there is none', () => {
    expect(parseReply(Buffer.from('not_found - 1 1700000000000'))).toEqual(
      parseReply(bytes('not_found', '1 1700000000000')),
    );
  });

  it.each([
    '',
    'created',
    'created x 1 1700000000000\n',
    'created 2 1 1700000000000',
    'created 3 1 1 PENDING\n{}',
    'not_found - 2 1',
    'not_found - ',
  ])('refuses what is none: %j', (text) => {
    expect(() => parseReply(Buffer.from(text))).toThrow(FlowRecordError);
  });
});
