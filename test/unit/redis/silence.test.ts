import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { endWhenSilent } from '../../../src/redis/silence.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

function connection() {
  const stream = { bytesRead: 0, destroy: jest.fn() };
  const redis = Object.assign(new EventEmitter(), { stream, commandQueue: { length: 0 } });
  endWhenSilent(redis as unknown as Redis, 10_000);
  redis.emit('connect');
  return redis;
}

it('ends a connection that owes answers and says nothing, and says why', () => {
  const { stream, commandQueue } = connection();
  commandQueue.length = 1;
  jest.advanceTimersByTime(9_999);
  expect(stream.destroy).not.toHaveBeenCalled();
  jest.advanceTimersByTime(1_001);
  expect(stream.destroy).toHaveBeenCalledTimes(1);
  expect(stream.destroy).toHaveBeenCalledWith(new Error('nothing was heard for 10000 ms, with answers owed'));
});

it('leaves one alone that owes nothing, however long it is silent', () => {
  const { stream } = connection();
  jest.advanceTimersByTime(60_000);
  expect(stream.destroy).not.toHaveBeenCalled();
});

it('counts from what was heard last', () => {
  const { stream, commandQueue } = connection();
  commandQueue.length = 1;
  for (let second = 0; second < 60; second++) {
    stream.bytesRead++;
    jest.advanceTimersByTime(1_000);
  }
  expect(stream.destroy).not.toHaveBeenCalled();
  jest.advanceTimersByTime(10_000);
  expect(stream.destroy).toHaveBeenCalledTimes(1);
});

it('looks at nothing once the connection is closed, and anew when it is back', () => {
  const redis = connection();
  redis.commandQueue.length = 1;
  jest.advanceTimersByTime(5_000);
  redis.emit('close');
  expect(jest.getTimerCount()).toBe(0);
  redis.emit('connect');
  jest.advanceTimersByTime(10_999);
  expect(redis.stream.destroy).not.toHaveBeenCalled();
  jest.advanceTimersByTime(1);
  expect(redis.stream.destroy).toHaveBeenCalledTimes(1);
});
