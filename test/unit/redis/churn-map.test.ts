import * as fc from 'fast-check';
import { ChurnMap } from '../../../src/redis/churn-map.js';

const STAY = 600; // more than a table has that is cleared out by itself

type Step = readonly ['set', string, number] | readonly ['delete', string] | readonly ['time'];

const name = fc.integer({ min: 0, max: STAY + 20 }).map((at) => `flow-${at}`);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constant('set' as const), name, fc.nat()),
  fc.tuple(fc.constant('delete' as const), name),
  fc.tuple(fc.constant('time' as const)),
);

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it('does as a Map does, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const own = new ChurnMap<number>();
      const model = new Map<string, number>();
      for (let at = 0; at < STAY; at++) {
        own.set(`flow-${at}`, at);
        model.set(`flow-${at}`, at);
      }
      for (const [what, key, value] of steps) {
        if (what === 'set') {
          own.set(key, value);
          model.set(key, value);
        } else if (what === 'delete') {
          own.delete(key);
          model.delete(key);
        } else jest.runOnlyPendingTimers();
        expect(own.size).toBe(model.size);
        if (key !== undefined) expect([own.has(key), own.get(key)]).toEqual([model.has(key), model.get(key)]);
      }
      expect([...own.keys()].sort()).toEqual([...model.keys()].sort());
      expect([...own.values()].sort()).toEqual([...model.values()].sort());
    }),
  );
});

it('forgets what is gone, at once where it is little and else after a while', () => {
  const timers = (): number => jest.getTimerCount();
  const map = new ChurnMap<number>();
  map.set('few', 1);
  map.delete('few');
  expect(timers()).toBe(0);
  for (let at = 0; at < STAY; at++) map.set(`flow-${at}`, at);
  for (let at = 0; at < 10; at++) map.delete(`flow-${at}`);
  expect(timers()).toBe(1);
  jest.runAllTimers();
  expect(timers()).toBe(0);
  expect(map.size).toBe(STAY - 10);
});
