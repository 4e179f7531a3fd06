import { Held } from '../../../src/redis/held.js';

const timed = (done = false) => ({ done, at: 0, expire: () => undefined });

it('lets all go that still have time, in their order, once', () => {
  const held = new Held();
  const gone: string[] = [];
  held.add(timed(), () => gone.push('a'));
  held.add(timed(true), () => gone.push('late'));
  held.add(timed(), () => gone.push('b'));
  held.release();
  held.release();
  expect(gone).toEqual(['a', 'b']);
});

it('holds no more than twice of what has time', () => {
  const held = new Held();
  for (let at = 0; at < 100_000; at++) held.add(timed(true), () => undefined);
  expect(held.size).toBeLessThanOrEqual(1_024);
});
