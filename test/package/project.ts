import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from '../../scripts/built.js';

const root = join(__dirname, '..', '..');

/** An empty project that installed the packed package, ioredis, what was asked for besides, and nothing else. */
export interface EmptyProject {
  readonly folder: string;
  node(...args: string[]): string;
  /** What a program prints, under these variables besides those of this process. */
  output(program: string, env: NodeJS.ProcessEnv): string;
  /** With the strictest settings a user may have. */
  compile(...files: string[]): void;
  remove(): void;
}

/** Builds if need be, packs and installs, the packages besides in the versions that this repository has; takes a minute at most. */
export function emptyProject(packages: readonly string[] = []): EmptyProject {
  const folder = mkdtempSync(join(tmpdir(), 'flowbroker-package-'));
  ensureBuilt();
  run('npm', ['pack', '--silent', '--pack-destination', folder], root);
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))!;
  const besides = ['ioredis', ...packages].map((name) => [name, versionOf(name)] as const);
  const dependencies = { flowbroker: `file:${tarball}`, ...Object.fromEntries(besides) };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], folder);
  const node = (...args: string[]): string => run(process.execPath, args, folder);
  return {
    folder,
    node,
    output: (program, env) => run(process.execPath, [program], folder, env),
    compile: (...files) => {
      const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')];
      const options = [
        '--strict',
        '--exactOptionalPropertyTypes',
        '--target',
        'ES2022',
        '--module',
        'NodeNext',
      ];
      node(require.resolve('typescript/bin/tsc'), ...options, ...types, ...files);
    },
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function run(file: string, args: readonly string[], cwd: string, env?: NodeJS.ProcessEnv): string {
  try {
    const options = { cwd, env: { ...process.env, ...env }, timeout: 120_000 };
    return execFileSync(file, args, { ...options, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${file} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

/** Of what is installed here. Not by its exports, which need not have a package.json. */
function versionOf(name: string): string {
  const file = join(root, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
