import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { emptyProject, type EmptyProject } from './project.js';

const programs = join(__dirname, 'programs');
let project: EmptyProject;

beforeAll(() => {
  project = emptyProject();
  for (const file of ['esm.mjs', 'cjs.cjs', 'typed.mts'])
    copyFileSync(join(programs, file), join(project.folder, file));
  // The same program once as ESM and once as CommonJS: each has declarations of its own to resolve.
  copyFileSync(join(programs, 'typed.mts'), join(project.folder, 'typed.cts'));
}, 240_000);

afterAll(() => project.remove());

it('runs from an ES module', () => {
  expect(project.node('esm.mjs')).toBe('esm ok\n');
});

it('runs from CommonJS, and hands out its Lua files', () => {
  expect(project.node('cjs.cjs')).toBe('cjs ok\n');
});

it('compiles and runs from TypeScript, as an ES module and as CommonJS', () => {
  project.compile('typed.mts', 'typed.cts');
  expect(project.node('typed.mjs')).toBe('typed ok\n');
  expect(project.node('typed.cjs')).toBe('typed ok\n');
}, 60_000);

it('publishes nothing but dist, lua and what npm always adds', () => {
  const entries = readdirSync(join(project.folder, 'node_modules', 'flowbroker')).sort();
  expect(entries.filter((name) => !/^(README|CHANGELOG)\.md$/.test(name))).toEqual(
    expect.arrayContaining(['LICENSE', 'dist', 'lua', 'package.json']),
  );
  expect(entries).not.toContain('src');
  expect(entries).not.toContain('test');
});

it('has no runtime dependency of its own', () => {
  const file = join(project.folder, 'node_modules', 'flowbroker', 'package.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).not.toHaveProperty('dependencies');
});
