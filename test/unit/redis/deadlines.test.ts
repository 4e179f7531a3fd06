import { Deadlines, type Timed } from '../../../src/redis/deadlines.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

function bed(limitMs = 100) {
  const expired: string[] = [];
  const deadlines = new Deadlines(limitMs);
  const expiring = (expire: () => void): Timed => {
    const timed = { done: false, at: 0, expire };
    deadlines.add(timed);
    return timed;
  };
  return { expired, deadlines, expiring, add: (name: string) => expiring(() => expired.push(name)) };
}

it('expires each when its time is up, in the order they were added', () => {
  const { expired, add } = bed();
  add('a');
  add('b');
  jest.advanceTimersByTime(50);
  add('c');
  jest.advanceTimersByTime(49);
  expect(expired).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(expired).toEqual(['a', 'b']);
  jest.advanceTimersByTime(50);
  expect(expired).toEqual(['a', 'b', 'c']);
});

it('expires none before its own time, though another is over', () => {
  const { expired, add } = bed();
  add('a');
  jest.advanceTimersByTime(1);
  add('b');
  jest.advanceTimersByTime(99);
  expect(expired).toEqual(['a']);
  jest.advanceTimersByTime(1);
  expect(expired).toEqual(['a', 'b']);
});

it('never expires what is done', () => {
  const { expired, add } = bed();
  const done = add('done');
  add('late');
  done.done = true;
  jest.runAllTimers();
  expect(expired).toEqual(['late']);
});

it('marks what expired as done', () => {
  const { add } = bed();
  const deadline = add('a');
  jest.runAllTimers();
  expect(deadline.done).toBe(true);
});

it('holds one timer for any number, and none when all are over', () => {
  const { expiring, add, expired } = bed();
  for (let at = 0; at < 5_000; at++) add(String(at)).done = at % 2 === 0;
  expect(jest.getTimerCount()).toBe(1);
  jest.runAllTimers();
  expect(expired).toHaveLength(2_500);
  expect(jest.getTimerCount()).toBe(0);
  expiring(() => expired.push('after')).done = true;
  expect(jest.getTimerCount()).toBe(1);
  jest.runAllTimers();
});

it('takes new ones while it expires others', () => {
  const { expiring, expired } = bed();
  expiring(() => {
    expired.push('first');
    expiring(() => expired.push('second'));
  });
  jest.advanceTimersByTime(100);
  expect(expired).toEqual(['first']);
  jest.advanceTimersByTime(100);
  expect(expired).toEqual(['first', 'second']);
});

it('expires everything at once when all ends, and nothing twice', () => {
  const { deadlines, expiring, expired, add } = bed();
  add('a').done = true;
  add('b');
  expiring(() => {
    deadlines.expireAll();
    expired.push('c');
  });
  deadlines.expireAll();
  expect(expired).toEqual(['b', 'c']);
  jest.runAllTimers();
  expect(expired).toEqual(['b', 'c']);
});

it('expires on demand what was added long enough ago, and the rest in its own time', () => {
  const { deadlines, expired, add } = bed();
  add('a');
  add('done').done = true;
  jest.advanceTimersByTime(30);
  add('b');
  jest.advanceTimersByTime(10);
  deadlines.expireOlder(40);
  expect(expired).toEqual(['a']);
  deadlines.expireOlder(40);
  jest.advanceTimersByTime(89);
  expect(expired).toEqual(['a']);
  jest.advanceTimersByTime(1);
  expect(expired).toEqual(['a', 'b']);
});
