import { createBroker, type Broker } from '../../src/index.js';
import type { Replica } from '../../examples/show/replica.js';
import { renderFlows } from '../../examples/bullmq/renders.js';
import { until } from '../helpers/until.js';
import { recipeProcesses } from './support/recipe-processes.js';

const recipe = recipeProcesses('bullmq');
let A: string;
let B: string;
let first: Replica;
let second: Replica;
let broker: Broker;
let ids = 0;
let id: string;

beforeAll(async () => {
  [first, second] = ['first', 'second'].map((name) =>
    recipe.start('worker', { NAME: name, LARGE_MS: '1500' }),
  ) as [Replica, Replica];
  const apis = await Promise.all([recipe.serve('api'), recipe.serve('api')]);
  [A, B] = apis.map(({ url }) => url) as [string, string];
  await Promise.all([first, second].map((worker) => worker.prints(/^ready$/)));
  broker = createBroker({ redis: recipe.url });
});
afterAll(() => broker.close());
beforeEach(() => {
  id = `render-${++ids}`;
});

const post = (api: string, page: string): Promise<Response> =>
  fetch(`${api}/renders/${id}?page=${page}`, { method: 'POST' });

/** How often the workers have begun to render a page. */
const rendered = (page: string): number =>
  [first, second].flatMap(({ printed }) => printed.filter((line) => line.startsWith(`rendering ${page},`)))
    .length;

it('has one job for many requests on both replicas, and answers later ones without any', async () => {
  const answers = await Promise.all(Array.from({ length: 25 }, (_, n) => post(n % 2 ? A : B, 'many')));
  answers.push(await post(A, 'many'), await fetch(`${B}/renders/${id}`));
  const bodies = await Promise.all(answers.map((answer) => answer.json()));
  expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
  expect(bodies[0]).toMatchObject({ file: 'many.png', attempt: 1 });
  expect(rendered('many')).toBe(1);
});

it('answers all when the last attempt has failed, and tries anew for who asks later', async () => {
  for (const times of [3, 6]) {
    const answers = await Promise.all([post(A, 'broken'), post(B, 'broken')]);
    for (const answer of answers) {
      expect(answer.status).toBe(502);
      expect(await answer.json()).toEqual({ error: 'broken does not render' });
    }
    expect(rendered('broken')).toBe(times);
  }
});

it('adds the job that an asker who died left out', async () => {
  await renderFlows(broker).create(id, { metadata: { page: 'orphan' } });
  expect(await (await post(A, 'ignored')).json()).toMatchObject({ file: 'orphan.png' });
});

it('lets no job of an older flow end a newer one', async () => {
  const older = post(A, 'large-1');
  await until('the older job', () => rendered('large-1') === 1);
  await renderFlows(broker).delete(id);
  expect((await older).status).toBe(503);
  expect(await (await post(B, 'large-2')).json()).toMatchObject({ file: 'large-2.png' });
});

it('lets who waits at a replica that stops wait again at another', async () => {
  const api = await recipe.serve('api');
  const waits = post(api.url, 'large-3');
  await until('the job', () => rendered('large-3') === 1);
  expect(await api.process.stop()).toEqual([0, null]);
  expect((await waits).status).toBe(503);
  expect(await (await fetch(`${B}/renders/${id}`)).json()).toMatchObject({ file: 'large-3.png' });
});

it('answers although the worker is killed in the middle', async () => {
  const waits = post(A, 'large-4');
  await until('the job', () => rendered('large-4') === 1);
  const dies = first.printed.some((line) => line.includes('large-4')) ? first : second;
  await dies.kill();
  const answer = await waits;
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ worker: dies === first ? 'second' : 'first' });
});
