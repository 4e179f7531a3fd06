import { until } from '../helpers/until.js';
import { recipeProcesses } from './support/recipe-processes.js';

const recipe = recipeProcesses('nextjs-routes');
let A: string;
let B: string;
let approval: string;

beforeAll(async () => {
  const instances = await Promise.all([recipe.serve('serve'), recipe.serve('serve')]);
  [A, B] = instances.map(({ url }) => url) as [string, string];
});
beforeEach(async () => {
  const response = await post(`${A}/api/approvals`, { amount: 120 });
  expect(response.status).toBe(201);
  approval = response.headers.get('location')!;
});

const post = (url: string, body: unknown): Promise<Response> =>
  fetch(url, { method: 'POST', body: JSON.stringify(body) });

/** How many connections listen for the approval. */
async function listeners(): Promise<number> {
  const channel = `flow:{approval:${approval.replace('/api/approvals/', '')}}`;
  return Number((await recipe.redis.pubsub('NUMSUB', channel))[1]);
}

/** Connections of the instances. */
const connections = async (): Promise<number> =>
  String(await recipe.redis.client('LIST'))
    .trim()
    .split('\n').length;

it('takes one decision of many, and tells it to everybody who waits', async () => {
  const waits = [A, B].map((instance) => fetch(instance + approval));
  await until('both', async () => (await listeners()) === 2);
  const decided = await Promise.all(
    Array.from({ length: 20 }, (_, n) => post((n % 2 ? A : B) + approval, { by: `user-${n}` })),
  );
  expect(decided.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(19).fill(409)]);
  const answers = await Promise.all(waits.map(async (wait) => (await wait).text()));
  expect(new Set(answers).size).toBe(1);
});

it('ends the wait of a browser that goes away, and no other', async () => {
  const gone = new AbortController();
  const leaves = fetch(A + approval, { signal: gone.signal });
  const stays = fetch(B + approval);
  await until('both', async () => (await listeners()) === 2);
  gone.abort();
  await expect(leaves).rejects.toThrow(/abort/i);
  await until('the wait that is left', async () => (await listeners()) === 1);
  await post(A + approval, { by: 'ada' });
  expect(await (await stays).json()).toEqual({ by: 'ada' });
});

it('keeps one broker when its files are evaluated anew, and the waits on it', async () => {
  const report = async (name: string): Promise<unknown> => (await fetch(`${A}/api/reports/${name}`)).json();
  expect([await report('one'), await report('two')]).toEqual([
    { name: 'one', run: 1 },
    { name: 'two', run: 2 },
  ]);
  const waits = fetch(A + approval);
  await until('the wait', async () => (await listeners()) === 1);
  const before = await connections();
  for (let edit = 0; edit < 5; edit++) {
    await post(`${A}/edited`, {});
    expect(await report(`edit-${edit}`)).toMatchObject({ run: 1 }); // the file counts from one again
  }
  expect(await connections()).toBe(before);
  await post(B + approval, { by: 'bob' });
  expect(await (await waits).json()).toEqual({ by: 'bob' });
});

it('refuses what is no approval and no decision, and knows no other id', async () => {
  const statuses = [
    post(`${A}/api/approvals`, { amount: 'much' }),
    post(A + approval, {}),
    fetch(`${A}/api/approvals/no-such`),
    post(`${A}/api/approvals/no-such`, { by: 'ada' }),
  ].map(async (response) => (await response).status);
  expect(await Promise.all(statuses)).toEqual([400, 400, 404, 404]);
});

it('finishes a run on SIGTERM, ends its waits with 503, and ends by itself', async () => {
  const { process, url } = await recipe.serve('serve');
  const waits = fetch(url + approval);
  await until('the wait', async () => (await listeners()) === 1);
  const report = fetch(`${url}/api/reports/last`);
  await until('the run', async () => recipe.redis.exists('flow:{report:last}'));
  expect(await process.stop()).toEqual([0, null]);
  expect(await (await report).json()).toEqual({ name: 'last', run: 1 });
  expect((await waits).status).toBe(503);
});
