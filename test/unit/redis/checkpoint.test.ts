import { Checkpoint } from '../../../src/redis/checkpoint.js';
import type { Line } from '../../../src/redis/line.js';

/** A connection whose PINGs are answered by the test. */
function checkpoint() {
  const answers: ((answer: unknown) => void)[] = [];
  const reconnects: boolean[] = [];
  const redis = { options: {}, disconnect: (again: boolean) => reconnects.push(again) };
  const post = (): Promise<unknown> => new Promise((resolve) => answers.push(resolve));
  const opened = jest.fn();
  const guard = new Checkpoint({ redis, post } as unknown as Line, opened);
  return { guard, opened, reconnects, answer: (text: unknown) => answers.shift()!(text) };
}

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it('is shut until its PING is answered as such', async () => {
  const { guard, opened, reconnects, answer } = checkpoint();
  guard.shutBehind();
  const passed = guard.passed();
  expect(guard.shut).toBe(true);
  answer('PONG');
  await passed;
  expect(guard.shut).toBe(false);
  expect(opened).toHaveBeenCalledTimes(1);
  expect(reconnects).toEqual([]);
});

it('gives the connection up when the PING gets what belongs to another', async () => {
  const { guard, reconnects, answer } = checkpoint();
  guard.shutBehind();
  answer(['something', 'else']);
  await jest.advanceTimersByTimeAsync(0);
  expect(reconnects).toEqual([true]);
  expect(guard.shut).toBe(true);
  const passed = guard.passed();
  guard.open(); // the connection ended
  await passed;
});

it('gives it up when the PING is not answered', () => {
  const { guard, reconnects } = checkpoint();
  guard.shutBehind();
  jest.advanceTimersByTime(1_000);
  expect(reconnects).toEqual([true]);
});

it('judges by the last PING alone', async () => {
  const { guard, reconnects, answer } = checkpoint();
  guard.shutBehind();
  guard.open();
  guard.shutBehind();
  answer(['late']);
  await jest.advanceTimersByTimeAsync(0);
  expect(reconnects).toEqual([]);
  answer('PONG');
  await jest.advanceTimersByTimeAsync(0);
  expect(guard.shut).toBe(false);
  expect(jest.getTimerCount()).toBe(0);
});
