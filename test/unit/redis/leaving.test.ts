import { Leaving } from '../../../src/redis/leaving.js';

const LIMITS = { along: 3, most: 4, afterMs: 100 };

function leaving(limits = LIMITS) {
  const gone: (readonly string[])[] = [];
  const gate = { open: true };
  const set = new Leaving(
    limits,
    () => gate.open,
    (channels) => gone.push(channels),
  );
  return { set, gone, gate };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it('lets go after a while, and at once of many', () => {
  const { set, gone } = leaving();
  set.add('a');
  expect(gone).toEqual([]);
  jest.advanceTimersByTime(100);
  expect(gone).toEqual([['a']]);
  for (const channel of ['b', 'c', 'd', 'e']) set.add(channel);
  expect(gone[1]).toEqual(['b', 'c', 'd', 'e']);
});

it('lets go along with something else only if it is worth a command', () => {
  const { set, gone } = leaving();
  set.add('a');
  set.add('b');
  set.goAlong();
  expect(gone).toEqual([]);
  set.add('c');
  set.goAlong();
  expect(gone).toEqual([['a', 'b', 'c']]);
});

it('keeps what is wanted again', () => {
  const { set, gone } = leaving();
  set.add('a');
  expect([set.keep('a'), set.keep('a')]).toEqual([true, false]);
  jest.runAllTimers();
  expect(gone).toEqual([]);
});

it('waits while nothing may be sent, and goes on by itself', () => {
  const { set, gone, gate } = leaving();
  gate.open = false;
  set.add('a');
  jest.advanceTimersByTime(250);
  expect(gone).toEqual([]);
  gate.open = true;
  jest.advanceTimersByTime(100);
  expect(gone).toEqual([['a']]);
});

it('waits until the slots rest, unless there is much of it', () => {
  const { set, gone } = leaving();
  set.moved();
  for (let at = 0; at < 10; at++) set.add(`channel-${at}`);
  jest.advanceTimersByTime(900);
  expect(gone).toEqual([]);
  jest.advanceTimersByTime(200);
  expect(gone).toHaveLength(1);
  set.moved();
  for (let at = 0; at < LIMITS.most * 16; at++) set.add(`channel-${at}`);
  expect(gone).toHaveLength(2);
});

it('forgets all with the connection', () => {
  const { set, gone } = leaving();
  set.add('a');
  set.clear();
  expect(jest.getTimerCount()).toBe(0);
  jest.runAllTimers();
  expect(set.moved()).toEqual([]);
  expect(gone).toEqual([]);
});

it('names once each channel that the server may have ended unasked, if it is still there', () => {
  const { set } = leaving();
  set.add('a');
  set.add('b');
  set.keep('b');
  expect(set.moved()).toEqual(['a']);
  expect(set.moved()).toEqual([]);
  set.add('c');
  expect(set.moved()).toEqual(['c']);
  jest.advanceTimersByTime(2_000);
  expect(set.moved()).toEqual([]);
});
