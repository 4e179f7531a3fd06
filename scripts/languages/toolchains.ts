import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { faultOf, type Probe } from './probe';

export const ROOT = join(__dirname, '..', '..');
const CACHE = join(ROOT, 'node_modules', '.cache', 'flowbroker-languages');
const VENV = join(CACHE, 'python');
const JAVA = join(ROOT, 'test', 'languages', 'java');
const JAVA_EXAMPLE = join(ROOT, 'examples', 'java');

/** What a language needs: how to know that it is there, how to get its part ready, and what to tell who lacks it. */
export interface Toolchain {
  readonly name: string;
  readonly advice: string;
  /** All must be satisfied where it is there, and new enough. */
  readonly probes: readonly Probe[];
  readonly prepare: readonly (readonly string[])[];
}

export type Language = 'python' | 'go' | 'java' | 'ruby' | 'php' | 'redis-cli';

export const PYTHON = join(VENV, 'bin', 'python');
export const GO_VECTORS = join(CACHE, 'go-vectors');
export const GO_WORKER = join(CACHE, 'go-worker');
export const JAVA_CLASSES = classes(JAVA);
export const JAVA_SETTLER = classes(JAVA_EXAMPLE);

const MAVEN = ['mvn', '-q', '-B', '--no-transfer-progress', '-f'];

export const TOOLCHAINS: Readonly<Record<Language, Toolchain>> = {
  python: {
    name: 'Python 3.11 with venv',
    advice: 'install python3 and python3-venv, 3.11 or newer',
    probes: [
      { command: ['python3', '-c', 'import venv, ensurepip'] },
      { command: ['python3', '--version'], version: /Python (\d+)\.(\d+)/, least: [3, 11] },
    ],
    prepare: [
      ['python3', '-m', 'venv', VENV],
      [PYTHON, '-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--upgrade', 'pip'],
      [
        PYTHON,
        '-m',
        'pip',
        'install',
        '-q',
        '--disable-pip-version-check',
        '--group',
        join(ROOT, 'clients/python/pyproject.toml:dev'),
      ],
    ],
  },
  go: {
    name: 'Go 1.26',
    advice: 'install Go, 1.26 or newer',
    probes: [{ command: ['go', 'version'], version: /go(\d+)\.(\d+)/, least: [1, 26] }],
    prepare: [
      ['go', 'vet', '-C', join(ROOT, 'test', 'languages', 'go'), '.'],
      ['go', 'build', '-C', join(ROOT, 'test', 'languages', 'go'), '-o', GO_VECTORS, '.'],
      ['go', 'vet', '-C', join(ROOT, 'examples', 'go-worker'), '.'],
      ['go', 'build', '-C', join(ROOT, 'examples', 'go-worker'), '-o', GO_WORKER, '.'],
    ],
  },
  java: {
    name: 'Java 17 with Maven',
    advice: 'install a JDK, 17 or newer, and maven',
    // Maven compiles with a Java of its own choice.
    probes: [
      { command: ['java', '--version'], version: /^\S+ (\d+)/, least: [17] },
      { command: ['mvn', '-v'], version: /Java version: (\d+)/, least: [17] },
    ],
    prepare: [
      [...MAVEN, join(JAVA, 'pom.xml'), 'package'],
      [...MAVEN, join(JAVA_EXAMPLE, 'pom.xml'), 'package'],
    ],
  },
  ruby: {
    name: 'Ruby with redis-rb',
    advice: 'on Debian: apt-get install ruby ruby-redis',
    probes: [{ command: ['ruby', '-e', 'require "redis"'] }],
    prepare: [],
  },
  php: {
    name: 'PHP with phpredis',
    advice: 'on Debian: apt-get install php-cli php-redis',
    probes: [{ command: ['php', '-r', 'exit(class_exists("Redis") ? 0 : 1);'] }],
    prepare: [],
  },
  'redis-cli': {
    name: 'redis-cli',
    advice: 'on Debian: apt-get install redis-tools',
    probes: [{ command: ['redis-cli', '--version'] }],
    prepare: [],
  },
};

export const LANGUAGES = Object.keys(TOOLCHAINS) as Language[];

function classes(folder: string): string {
  return [join(folder, 'target', 'classes'), join(folder, 'target', 'dependency', '*')].join(':');
}

/** The languages that are ready to use; says loudly which are not. A toolchain that is there but does not work throws. */
export function prepare(): Language[] {
  mkdirSync(CACHE, { recursive: true });
  return LANGUAGES.filter((language) => {
    const { advice, prepare: commands } = TOOLCHAINS[language];
    const lack = lackOf(TOOLCHAINS[language]);
    if (lack !== undefined) {
      console.error(`\n*** ${language} is SKIPPED: ${lack}. To run it: ${advice}. ***\n`);
      return false;
    }
    for (const command of commands) {
      if (command.includes('venv') && existsSync(PYTHON)) continue;
      run(command);
    }
    return true;
  });
}

/** Why a language cannot be run here; undefined where it can. */
export function lackOf({ name, probes }: Toolchain): string | undefined {
  for (const probe of probes) {
    const fault = faultOf(probe);
    if (fault !== undefined) return `no ${name} here (${fault})`;
  }
  return undefined;
}

/** Runs a command to its end with its output shown; throws if it fails. */
export function run([file = '', ...args]: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = ROOT): void {
  const { status, error } = spawnSync(file, args, { stdio: 'inherit', cwd, env: { ...process.env, ...env } });
  if (error) throw error;
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} failed`);
}
