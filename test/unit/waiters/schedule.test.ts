import fc from 'fast-check';
import { Schedule, type Due } from '../../../src/waiters/schedule.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

interface Entry extends Due {
  readonly name: number;
}

function bed() {
  const schedule = new Schedule();
  const fired: number[] = [];
  const entry = (name: number): Entry => ({ name, at: 0, slot: -1, due: () => fired.push(name) });
  return { schedule, fired, entry };
}

type Step =
  | { readonly kind: 'set'; readonly name: number; readonly inMs: number }
  | { readonly kind: 'remove'; readonly name: number }
  | { readonly kind: 'advance'; readonly ms: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), name: fc.nat(15), inMs: fc.nat(50) }),
    fc.record({ kind: fc.constant('remove' as const), name: fc.nat(15) }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(20) }),
  ),
  { maxLength: 120 },
);

/** A list that is sorted anew for each step: what the heap must do, slowly. */
function model() {
  const due = new Map<number, number>();
  return {
    due,
    upTo(now: number): number[] {
      const over = [...due].filter(([, at]) => at <= now).sort((a, b) => a[1] - b[1]);
      for (const [name] of over) due.delete(name);
      return over.map(([name]) => name);
    },
  };
}

it('does what a sorted list does, whatever is set, moved, removed and waited for', () => {
  fc.assert(
    fc.property(steps, (script: Step[]) => {
      const { schedule, fired, entry } = bed();
      const expected = model();
      const entries = Array.from({ length: 16 }, (_none, name) => entry(name));
      for (const step of script) {
        if (step.kind === 'set') {
          const at = performance.now() + step.inMs;
          schedule.set(entries[step.name]!, at);
          expected.due.set(step.name, at);
        } else if (step.kind === 'remove') {
          schedule.remove(entries[step.name]!);
          expected.due.delete(step.name);
        } else {
          const before = fired.length;
          const ats = new Map(expected.due);
          jest.advanceTimersByTime(step.ms);
          const now = fired.slice(before);
          expect(new Set(now)).toEqual(new Set(expected.upTo(performance.now())));
          const moments = now.map((name) => ats.get(name)!);
          expect(moments).toEqual([...moments].sort((a, b) => a - b));
        }
        expect(schedule.size).toBe(expected.due.size);
        for (const { name, slot } of entries) expect(slot >= 0).toBe(expected.due.has(name));
        expect(jest.getTimerCount()).toBeLessThanOrEqual(1);
      }
      schedule.close();
      expect(jest.getTimerCount()).toBe(0);
    }),
  );
});

it('keeps its order when one leaves whose place an earlier one takes', () => {
  const { schedule, fired, entry } = bed();
  const moments = [1, 100, 2, 101, 102, 3, 4];
  const entries = moments.map((at) => entry(at));
  for (const one of entries) schedule.set(one, performance.now() + one.name);
  schedule.remove(entries[3]!);
  jest.advanceTimersByTime(4);
  expect(fired).toEqual([1, 2, 3, 4]);
  jest.advanceTimersByTime(200);
  expect(fired).toEqual([1, 2, 3, 4, 100, 102]);
});

it('fires nothing early and nothing twice', () => {
  const { schedule, fired, entry } = bed();
  schedule.set(entry(1), performance.now() + 10);
  jest.advanceTimersByTime(9);
  expect(fired).toEqual([]);
  jest.advanceTimersByTime(1_000);
  expect(fired).toEqual([1]);
});

it('waits longer than one timer can', () => {
  const { schedule, fired, entry } = bed();
  schedule.set(entry(1), performance.now() + 2 ** 32);
  jest.advanceTimersByTime(2 ** 32 - 1);
  expect(fired).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(fired).toEqual([1]);
});

it('lets what is due set itself again, and remove others', () => {
  const { schedule, fired, entry } = bed();
  const victim = entry(9);
  const again: Due = {
    at: 0,
    slot: -1,
    due(now) {
      fired.push(1);
      schedule.remove(victim);
      if (fired.length < 3) schedule.set(again, now + 5);
    },
  };
  schedule.set(again, performance.now() + 5);
  schedule.set(victim, performance.now() + 5);
  jest.advanceTimersByTime(100);
  expect(fired).toEqual([1, 1, 1]);
  expect(schedule.size).toBe(0);
});

it('keeps no process alive', () => {
  jest.useRealTimers();
  const { schedule, entry } = bed();
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  schedule.set(entry(1), performance.now() + 60_000);
  expect(timers()).toBe(before);
  schedule.close();
});

it('takes and fires nothing once it is closed', () => {
  const { schedule, fired, entry } = bed();
  const one = entry(1);
  schedule.set(one, performance.now() + 5);
  schedule.close();
  schedule.set(entry(2), performance.now() + 5);
  schedule.remove(one);
  jest.advanceTimersByTime(100);
  expect(fired).toEqual([]);
  expect(schedule.size).toBe(0);
});
