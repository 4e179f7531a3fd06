import { join } from 'node:path';
import type { Replica } from '../../examples/show/replica.js';
import { until } from '../helpers/until.js';
import { recipeProcesses } from './support/recipe-processes.js';

const recipe = recipeProcesses('nestjs');
let stays: { readonly process: Replica; readonly url: string };
let names = 0;
let name: string;

beforeAll(async () => {
  stays = await recipe.serve('server', { NAME: 'stays' });
});
beforeEach(() => {
  name = `report-${++names}`;
});

const making = (): RegExp => new RegExp(`^making ${name}$`);

/** Requests that wait for a flow at an instance. */
async function waiters(url: string): Promise<number> {
  return ((await (await fetch(`${url}/stats`)).json()) as { waiters: number }).waiters;
}

it('injects flows that all instances share', async () => {
  const other = await recipe.serve('server', { NAME: 'other' });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => fetch(`${n % 2 ? stays.url : other.url}/reports/${name}`)),
  );
  const bodies = await Promise.all(answers.map((answer) => answer.text()));
  expect(new Set(bodies).size).toBe(1);
  const made = [stays, other].flatMap(({ process }) => process.printed.filter((line) => making().test(line)));
  expect(made).toHaveLength(1);
});

it('finishes on SIGTERM what its drain allows, and does not let requests that wait hold it up', async () => {
  const leaves = await recipe.serve('server', { NAME: 'leaves', DRAIN_MS: '600000' });
  const report = fetch(`${leaves.url}/reports/${name}?ms=1000`);
  await leaves.process.prints(making());
  const approval = fetch(`${leaves.url}/approvals/${name}`, { method: 'POST' });
  await leaves.process.prints(new RegExp(`^waiting for ${name}$`));
  expect(await leaves.process.stop()).toEqual([null, 'SIGTERM']); // Nest ends itself by the signal that it was sent
  expect(await (await report).json()).toEqual({ name, madeBy: 'leaves' });
  expect((await approval).status).toBe(503);
});

it('hands longer work over to an instance that waits for it', async () => {
  const leaves = await recipe.serve('server', { NAME: 'leaves', DRAIN_MS: '50' });
  const here = fetch(`${leaves.url}/reports/${name}?ms=600000`);
  await leaves.process.prints(making());
  const there = fetch(`${stays.url}/reports/${name}?ms=10`);
  await until('its wait', async () => (await waiters(stays.url)) > 0);
  expect(await leaves.process.stop()).toEqual([null, 'SIGTERM']);
  expect((await here).status).toBe(503);
  expect(await (await there).json()).toEqual({ name, madeBy: 'stays' });
});

it('answers a FlowError with a status of its own', async () => {
  const answer = await fetch(`${stays.url}/reports/%01`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({ code: 'ERR_FLOW_INVALID_ARGUMENT' });
});

it('takes plain options, and closes with an application that serves no HTTP', async () => {
  const program = join('..', '..', 'test', 'processes', 'programs', 'nestjs-for-root');
  const worker = recipe.start(program);
  expect(await worker.exited).toEqual([0, null]);
  await until('all it printed', () => worker.printed.length === 3);
  expect(worker.printed).toEqual(['done', 'mail', 'ERR_FLOW_CLOSED 0']);
});
