import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { transformSync } from '@swc/core';
import { ensureBuilt } from '../../scripts/built.js';
import type { Entry } from './entries.js';

const ROOT = join(__dirname, '..', '..');
const BUILT = join(__dirname, 'built');
const GO = join(BUILT, 'go-contender');
const JAVA = join(__dirname, 'java');

/** Whether `npm ci` was run here, with the lockfile as it is. */
function installed(): boolean {
  const [wanted, there] = ['package-lock.json', 'node_modules/.package-lock.json'].map((file) =>
    join(__dirname, file),
  ) as [string, string];
  if (!existsSync(there)) return false;
  const packagesOf = (file: string): [string, { version?: string; optional?: boolean }][] =>
    Object.entries((JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, object> }).packages);
  const have = new Map(packagesOf(there));
  return packagesOf(wanted).every(
    ([name, { version, optional }]) =>
      name === '' || optional === true || have.get(name)?.version === version,
  );
}

/** Installs and builds what the contenders in Node need. */
export function prepareNode(): void {
  if (!installed()) {
    console.log('installing the peers, once: npm ci in bench/peers');
    run('npm', ['ci', '--no-audit', '--no-fund'], __dirname);
  }
  ensureBuilt();
  // Plain JavaScript, as users run it: a loader of TypeScript would weigh more than what is measured.
  rmSync(BUILT, { recursive: true, force: true });
  const contenders = readdirSync(join(__dirname, 'contenders')).filter((file) => !file.endsWith('.d.ts'));
  for (const file of ['worker.ts', 'tasks.ts', ...contenders.map((name) => join('contenders', name))]) {
    const to = join(BUILT, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(to), { recursive: true });
    const { code } = transformSync(readFileSync(join(__dirname, file), 'utf8'), {
      jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
      module: { type: 'commonjs' },
    });
    writeFileSync(to, code);
  }
  process.env['FLOWBROKER'] = join(ROOT, 'dist', 'cjs', 'index.js');
}

/** Builds the contenders in another language; says loudly that they are left out where its toolchain is missing. */
export function prepareOther(runs: 'java' | 'go'): boolean {
  const [probe, advice]: readonly [readonly string[], string] =
    runs === 'java'
      ? [['mvn', '-v'], 'a JDK, 17 or newer, and maven']
      : [['go', 'version'], 'Go, 1.26 or newer'];
  if (spawnSync(probe[0]!, probe.slice(1), { stdio: 'ignore' }).status !== 0) {
    console.error(`\n*** the contenders in ${runs} are SKIPPED. To run them, install ${advice}. ***\n`);
    return false;
  }
  if (runs === 'go') run('go', ['build', '-o', GO, '.'], join(__dirname, 'go'));
  else run('mvn', ['-q', '-B', '-Dstyle.color=never', '--no-transfer-progress', 'package'], JAVA);
  return true;
}

/** The command that starts a process of a contender. */
export function commandOf(runs: Entry['runs']): [string, ...string[]] {
  if (runs === 'go') return [GO];
  if (runs === 'node') return [process.execPath, join(BUILT, 'worker.js')];
  const target = join(JAVA, 'target');
  return ['java', '-cp', [join(target, 'classes'), join(target, 'dependency', '*')].join(':'), 'Contender'];
}

/** The version that is installed of each package; of those in other languages, what their build files say. */
export function versionOf(name: string): string {
  if (name === 'flowbroker') return versionIn(join(ROOT, 'package.json'));
  if (name.startsWith('github.com/')) {
    const line = readFileSync(join(__dirname, 'go', 'go.mod'), 'utf8')
      .split('\n')
      .find((one) =>
        one
          .trim()
          .replace(/^require /, '')
          .startsWith(`${name} `),
      );
    return line?.trim().split(' ').at(-1)?.replace(/^v/, '') ?? 'unknown';
  }
  if (name.startsWith('org.redisson'))
    return /<redisson\.version>([^<]+)/.exec(readFileSync(join(JAVA, 'pom.xml'), 'utf8'))?.[1] ?? 'unknown';
  return versionIn(join(__dirname, 'node_modules', name, 'package.json'));
}

function versionIn(file: string): string {
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function run(file: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(file, args, { cwd, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} failed in ${cwd}`);
}
