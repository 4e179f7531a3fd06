import type { Replica } from '../../examples/show/replica.js';
import { until } from '../helpers/until.js';
import { recipeProcesses } from './support/recipe-processes.js';

const recipe = recipeProcesses('rolling-deploy');
const CALLERS = 8;

let ids = 0;
let id: string;
beforeEach(() => {
  id = `report-${++ids}`;
});

/** What callers on each of two replicas are answered, all waiting for one report, which would take so long on the first, and so long on the second. */
async function callers(
  takesMs: readonly [number, number],
  drainMs: number,
): Promise<{ first: Replica; second: Replica; urls: string[]; answers: Promise<Response>[] }> {
  const [A, B] = await Promise.all(
    ['A', 'B'].map((name) => recipe.serve('server', { NAME: name, DRAIN_MS: String(drainMs) })),
  );
  const answers: Promise<Response>[] = [];
  for (const [at, { process, url }] of [A!, B!].entries()) {
    for (let n = 0; n < CALLERS; n++) answers.push(fetch(`${url}/reports/${id}?ms=${takesMs[at]!}`));
    await process.prints(/^asked for/, CALLERS);
    await until('the run', async () => recipe.redis.exists(`flow:{report:${id}}`));
  }
  return { first: A!.process, second: B!.process, urls: [A!.url, B!.url], answers };
}

const worked = (replica: Replica): string[] => replica.printed.filter((line) => line.startsWith('working'));

it('finishes on SIGTERM what its drain allows, for callers here and elsewhere, and ends by itself', async () => {
  const { first, second, urls, answers } = await callers([3_000, 3_000], 600_000);
  const exited = first.stop();
  // It says so to the balancer while it drains, and sends new callers on.
  await until('its word to the balancer', async () => (await fetch(`${urls[0]!}/ready`)).status === 503);
  const late = await fetch(`${urls[0]!}/reports/${id}`);
  expect([late.status, late.headers.get('connection')]).toEqual([503, 'close']);
  for (const answer of await Promise.all(answers)) {
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ madeBy: 'A', attempt: 1 });
  }
  expect(await exited).toEqual([0, null]);
  expect([worked(first).length, worked(second).length]).toEqual([1, 0]);
});

it('hands longer work over at once, and its callers are answered where they ask again', async () => {
  const { first, second, urls, answers } = await callers([600_000, 500], 50);
  // Nothing but the release explains a takeover within this test: the lease is a minute.
  expect(await first.stop()).toEqual([0, null]);
  await second.prints(new RegExp(`^working on ${id}, attempt 2$`));
  const [here, there] = [answers.slice(0, CALLERS), answers.slice(CALLERS)];
  for (const answer of await Promise.all(here)) {
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '0']);
  }
  const again = here.map(() => fetch(`${urls[1]!}/reports/${id}`));
  for (const answer of await Promise.all([...there, ...again])) {
    expect(await answer.json()).toEqual({ madeBy: 'B', attempt: 2 });
  }
  expect([worked(first).length, worked(second).length]).toEqual([1, 1]);
});
