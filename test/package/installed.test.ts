import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');
const programs = join(__dirname, 'programs');
let project: string;

function run(file: string, args: readonly string[], cwd = project): string {
  try {
    return execFileSync(file, args, { cwd, encoding: 'utf8', stdio: 'pipe', timeout: 120_000 });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${file} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

const node = (...args: string[]): string => run(process.execPath, args);

function versionOf(name: string): string {
  const file = require.resolve(`${name}/package.json`, { paths: [root] });
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'flowbroker-package-'));
  run('npm', ['run', '-s', 'build'], root);
  run('npm', ['pack', '--silent', '--pack-destination', project], root);
  const tarball = readdirSync(project).find((file) => file.endsWith('.tgz'))!;
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({
      private: true,
      dependencies: { flowbroker: `file:${tarball}`, ioredis: versionOf('ioredis') },
    }),
  );
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']);
  for (const file of ['esm.mjs', 'cjs.cjs', 'typed.mts'])
    copyFileSync(join(programs, file), join(project, file));
  // The same program once as ESM and once as CommonJS: each has declarations of its own to resolve.
  copyFileSync(join(programs, 'typed.mts'), join(project, 'typed.cts'));
}, 240_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('runs from an ES module', () => {
  expect(node('esm.mjs')).toBe('esm ok\n');
});

it('runs from CommonJS, and hands out its Lua files', () => {
  expect(node('cjs.cjs')).toBe('cjs ok\n');
});

it('compiles and runs from TypeScript, as an ES module and as CommonJS', () => {
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];
  const options = [
    '--strict',
    '--exactOptionalPropertyTypes',
    '--target',
    'ES2022',
    '--module',
    'NodeNext',
    ...types,
  ];
  node(require.resolve('typescript/bin/tsc'), ...options, 'typed.mts', 'typed.cts');
  expect(node('typed.mjs')).toBe('typed ok\n');
  expect(node('typed.cjs')).toBe('typed ok\n');
}, 60_000);

it('publishes nothing but dist, lua and what npm always adds', () => {
  const entries = readdirSync(join(project, 'node_modules', 'flowbroker')).sort();
  expect(entries.filter((name) => !/^(README|CHANGELOG)\.md$/.test(name))).toEqual(
    expect.arrayContaining(['LICENSE', 'dist', 'lua', 'package.json']),
  );
  expect(entries).not.toContain('src');
  expect(entries).not.toContain('test');
});

it('has no runtime dependency of its own', () => {
  const file = join(project, 'node_modules', 'flowbroker', 'package.json');
  expect(JSON.parse(readFileSync(file, 'utf8'))).not.toHaveProperty('dependencies');
});
