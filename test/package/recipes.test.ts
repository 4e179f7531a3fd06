import { cpSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { preProcessFile, sys } from 'typescript';
import { startRedis, type RedisServer } from '../../scripts/redis/index.js';
import { examples, recipes, type Recipe } from '../helpers/recipes.js';
import { emptyProject, type EmptyProject } from './project.js';

let project: EmptyProject;
let redis: RedisServer;

// One project for all of them: what each needs of its own is checked by what it imports.
beforeAll(async () => {
  redis = await startRedis();
  const installs = new Set(recipes.flatMap(({ installs }) => installs.map(nameOf)));
  project = emptyProject([...installs, '@types/node'].filter((name) => name !== 'flowbroker'));
  cpSync(examples, join(project.folder, 'examples'), { recursive: true });
}, 240_000);

afterAll(async () => {
  project.remove();
  await redis.stop();
});

const nameOf = (installed: string): string => installed.replace(/(?<=.)@.*/, '');

/** The packages that a recipe's programs import, also by way of what it shares with other examples. */
function packagesOf({ files }: Recipe): string[] {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const follow = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const { fileName } of preProcessFile(sys.readFile(file) ?? '').importedFiles) {
      if (fileName.startsWith('.')) follow(`${resolve(dirname(file), fileName.replace(/\.js$/, ''))}.ts`);
      else packages.add(/^(?:@[^/]+\/)?[^/]+/.exec(fileName)![0]);
    }
  };
  files.forEach(follow);
  return [...packages].filter((name) => !name.startsWith('node:') && !builtinModules.includes(name));
}

it.each(recipes)('$name says in its README what to install and what it prints', (recipe) => {
  const installs = recipe.installs.map(nameOf);
  const lacks = packagesOf(recipe).filter(
    (name) => !installs.includes(name) && !installs.includes(`@types/${name}`),
  );
  expect(lacks).toEqual([]);
  expect(recipe.prints).not.toBe('');
});

it('compiles every recipe against the installed package', () => {
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: true, // of what others publish; that of this package are checked elsewhere
    target: 'ES2022',
    module: 'NodeNext',
    types: ['node'],
  };
  const include = [...recipes.map(({ name }) => name), 'show', 'demo/oidc-provider.d.ts'];
  const config = JSON.stringify({ compilerOptions, include });
  writeFileSync(join(project.folder, 'examples', 'tsconfig.json'), config);
  project.node(require.resolve('typescript/bin/tsc'), '-p', 'examples');
}, 60_000);

it.each(recipes)(
  '$name runs from a clean install, and prints what its README says',
  ({ name, prints }) => {
    expect(project.output(join('examples', name, 'main.js'), { REDIS_URL: redis.url })).toBe(prints);
  },
  90_000,
);
