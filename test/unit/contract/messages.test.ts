import { parseMessage } from '../../../src/contract/messages.js';
import { EVENTS } from '../../../src/contract/status.js';

const parse = (text: string) => parseMessage(Buffer.from(text, 'latin1'));

it.each(EVENTS)('reads a %s message with what goes with it', (event) => {
  expect(parse(`1 ${event} 11 12 1700000000000 inline\nhello`)).toEqual({
    event,
    origin: 11,
    fence: 12,
    at: 1_700_000_000_000,
    payload: Buffer.from('hello'),
  });
});

it('tells an empty payload from one that was left in the record', () => {
  expect(parse('1 COMPLETED 1 1 1 inline\n')?.payload).toEqual(Buffer.alloc(0));
  expect(parse('1 COMPLETED 1 1 1 stored\n')?.payload).toBeUndefined();
});

it('takes any bytes as payload, line ends and message heads too', () => {
  const payload = Buffer.from([...Array(256).keys(), 10, 10]);
  const bytes = Buffer.concat([Buffer.from('1 FAILED 1 2 3 inline\n'), payload]);
  expect(parseMessage(bytes)?.payload).toEqual(payload);
});

it.each([
  ['no bytes', ''],
  ['no line end', '1 COMPLETED 1 1 1 inline'],
  ['another version', '2 COMPLETED 1 1 1 inline\n'],
  ['no version', 'COMPLETED 1 1 1 inline\n'],
  ['an unknown event', '1 PENDING 1 1 1 inline\n'],
  ['an event in lower case', '1 completed 1 1 1 inline\n'],
  ['an origin that is no number', '1 COMPLETED x 1 1 inline\n'],
  ['a fence that is no number', '1 COMPLETED 1 x 1 inline\n'],
  ['an origin past the safe integers', '1 COMPLETED 9007199254740993 1 1 inline\n'],
  ['a fraction', '1 COMPLETED 1.5 1 1 inline\n'],
  ['no word for where the payload is', '1 COMPLETED 1 1 1\n'],
  ['another word for where the payload is', '1 COMPLETED 1 1 1 elsewhere\n'],
  ['a keyspace event', 'expired'],
])('gives nothing, so that the record is read, for %s', (_what, text) => {
  expect(parse(text)).toBeUndefined();
});
