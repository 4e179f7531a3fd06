import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');

/** An empty project that installed the packed package and ioredis, and nothing else. */
export interface EmptyProject {
  readonly folder: string;
  node(...args: string[]): string;
  /** With the strictest settings a user may have. */
  compile(...files: string[]): void;
  remove(): void;
}

/** Builds, packs and installs; takes a minute. */
export function emptyProject(): EmptyProject {
  const folder = mkdtempSync(join(tmpdir(), 'flowbroker-package-'));
  run('npm', ['run', '-s', 'build'], root);
  run('npm', ['pack', '--silent', '--pack-destination', folder], root);
  const tarball = readdirSync(folder).find((file) => file.endsWith('.tgz'))!;
  const dependencies = { flowbroker: `file:${tarball}`, ioredis: versionOf('ioredis') };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'], folder);
  const node = (...args: string[]): string => run(process.execPath, args, folder);
  return {
    folder,
    node,
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

function run(file: string, args: readonly string[], cwd: string): string {
  try {
    return execFileSync(file, args, { cwd, encoding: 'utf8', stdio: 'pipe', timeout: 120_000 });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${file} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

function versionOf(name: string): string {
  const file = require.resolve(`${name}/package.json`, { paths: [root] });
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
