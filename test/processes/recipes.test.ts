import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { examples, recipes } from '../helpers/recipes.js';
import { until } from '../helpers/until.js';
import { recipeProcesses } from './support/recipe-processes.js';

const recipe = recipeProcesses('bullmq');

const connections = async (): Promise<number> =>
  String(await recipe.redis.client('LIST'))
    .trim()
    .split('\n').length;

it('leaves no process and no key when a recipe is interrupted', async () => {
  const played = recipe.start('main');
  await played.prints(/^A job that fails twice/);
  expect(await recipe.redis.dbsize()).toBeGreaterThan(0);
  expect(await played.stop('SIGINT')).toEqual([130, null]);
  await until('no connection but this', async () => (await connections()) === 1);
  expect(await recipe.redis.dbsize()).toBe(0);
});

it('leaves no process when it is killed', async () => {
  const played = recipe.start('main');
  await played.prints(/^A job that fails twice/);
  expect(await connections()).toBeGreaterThan(1);
  await played.kill();
  await until('no connection but this', async () => (await connections()) === 1);
});

it('names every recipe in the README of the examples, and in the page on recipes', () => {
  const names = recipes.map(({ name }) => name);
  const readme = readFileSync(join(examples, 'README.md'), 'utf8');
  expect([...readme.matchAll(/^\| \[([\w-]+)\/\]\(\1\/\)/gm)].map(([, name]) => name).sort()).toEqual(names);
  const page = readFileSync(join(examples, '..', 'docs', 'recipes.md'), 'utf8');
  expect([...page.matchAll(/^npm run recipe ([\w-]+)$/gm)].map(([, name]) => name).sort()).toEqual(names);
});
