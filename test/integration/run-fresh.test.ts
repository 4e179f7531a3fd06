import { setup } from '../helpers/setup.js';
import { until } from '../helpers/until.js';

const bed = setup();
const range = (count: number) => Array.from({ length: count }, (_none, at) => at);

function counting(prefix = 'token') {
  let runs = 0;
  return {
    get runs() {
      return runs;
    },
    handler: async () => {
      const run = ++runs;
      await new Promise(setImmediate);
      return `${prefix}-${String(run)}`;
    },
  };
}

it('hands a result back while it is fresh for long enough, and runs anew when it is not', async () => {
  const expiresAt = Date.now() + 60_000;
  const flows = bed.broker().define<string>('fresh', { freshUntil: () => expiresAt });
  const id = bed.id();
  const work = counting();
  expect(await flows.run(id, work.handler)).toBe('token-1');
  expect((await flows.get(id))?.freshUntil).toBe(expiresAt);
  expect(await flows.run(id, work.handler, { minFreshMs: 1_000 })).toBe('token-1');
  expect(await flows.run(id, work.handler, { minFreshMs: 120_000 })).toBe('token-2');
});

it('runs anew for every caller when what it gets is never fresh', async () => {
  const flows = bed.broker().define<string>('stale', { freshUntil: () => 0 });
  const work = counting();
  expect(await flows.run('a', work.handler)).toBe('token-1');
  expect(await flows.run('a', work.handler)).toBe('token-2');
});

it.each([undefined, null])('keeps a result for the whole retention where freshUntil is %p', async (until) => {
  const flows = bed.broker().define<string>('whole', { freshUntil: () => until as undefined });
  const id = bed.id();
  const work = counting();
  await flows.run(id, work.handler);
  expect(await flows.run(id, work.handler, { minFreshMs: 999_999 })).toBe('token-1');
});

it('shares one new attempt among all who reject the same fence', async () => {
  const flows = [bed.broker(), bed.broker()].map((broker) => broker.define<string>('reject'));
  const work = counting();
  const { result, fence } = await flows[0]!.runFenced('a', work.handler);
  expect(result).toBe('token-1');
  const refused = await Promise.all(
    range(50).map((at) => flows[at % 2]!.runFenced('a', work.handler, { rejectFence: fence })),
  );
  expect(new Set(refused.map((one) => one.result))).toEqual(new Set(['token-2']));
  expect(new Set(refused.map((one) => one.fence)).size).toBe(1);
  expect(refused[0]!.fence).toBeGreaterThan(fence);
  expect(await flows[1]!.run('a', work.handler, { rejectFence: fence })).toBe('token-2');
  expect(work.runs).toBe(2);
});

it('does not let a caller who rejects nothing hand the rejected result to one who does', async () => {
  const flows = bed.broker().define<string>('mixed');
  const work = counting();
  const { fence } = await flows.runFenced('a', work.handler);
  const [plain, ...rejecting] = await Promise.all([
    flows.run('a', work.handler),
    ...range(10).map(() => flows.run('a', work.handler, { rejectFence: fence })),
  ]);
  expect(plain).toBe('token-1');
  expect(new Set(rejecting)).toEqual(new Set(['token-2']));
  expect(work.runs).toBe(2);
});

it('gives every caller of one attempt the same fence, whoever ran it', async () => {
  const [a, b] = [bed.broker(), bed.broker()];
  const [here, there] = [a, b].map((broker) => broker.define<string>('fenced'));
  const work = counting();
  const results = await Promise.all(
    range(20).map((at) => (at % 2 ? here! : there!).runFenced('a', work.handler)),
  );
  expect(new Set(results.map(({ fence }) => fence)).size).toBe(1);
  expect((await here!.get('a'))?.fence).toBe(results[0]!.fence);
  await until('nobody waits', () => a.stats().waiters + b.stats().waiters === 0);
});
