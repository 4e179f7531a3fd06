import { mkdirSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.js';
import { command } from './command.js';
import { searchPath } from './search.js';

const SERVER = ['redis-server', 'redis-tools', 'redis-sentinel'];
const USUAL_LIBRARIES = ['libatomic1', 'libjemalloc2', 'liblzf1'];

/**
 * A redis-server from the distribution's packages, downloaded and unpacked into a cache. Works for any user, installs
 * nothing and starts no service (`apt-get install` would).
 */
export async function debianServer(): Promise<{ file: string; env: NodeJS.ProcessEnv }> {
  const names = async (options: readonly string[]): Promise<string[]> => [
    ...new Set([...SERVER, ...(await missingLibraries(options))]),
  ];
  return debianPackages('redis', names, unpackedServer);
}

/**
 * Packages of the distribution, downloaded and unpacked into the cache folder `what`. `names` says which, given options for apt-get;
 * `ready` makes of the folder what is wanted, and rejects when it does not work.
 */
export async function debianPackages<T>(
  what: string,
  names: Names,
  ready: (folder: string) => Promise<T>,
): Promise<T> {
  if (!searchPath(['apt-get']) || !searchPath(['dpkg']))
    throw new Error('no apt-get here to fetch packages with');
  const release = await releaseName();
  try {
    const folder = await cached(`${what}-${release}-${process.arch}`, async (draft) => {
      await fill(draft, names);
      await ready(draft);
    });
    return await ready(folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`fetching ${what} as a package failed: ${why}`, { cause: error });
  }
}

// A home folder may be shared between machines, and a library of one release need not load on another.
async function releaseName(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string): string => new RegExp(`^${name}="?([\\w.-]+)`, 'm').exec(text)?.[1] ?? '';
  return `${field('ID') || 'debian'}${field('VERSION_ID')}`;
}

type Names = (options: readonly string[]) => Promise<string[]>;

async function fill(folder: string, names: Names): Promise<void> {
  const apt = join(folder, 'apt');
  const lists = await downloadWith(ownCache(apt), folder, names).catch(() => undefined);
  if (!lists) {
    // Package lists are missing (a container) or too old: fetch them, but into a folder of our own, which needs no
    // root, takes no lock of the system's and leaves its lists as they were.
    const own = [...ownCache(apt), ...ownState(apt)];
    await command('apt-get', [...own, 'update', '-q'], { timeoutMs: 180_000 });
    await downloadWith(own, folder, names);
  }
  const packages = (await readdir(folder)).filter((file) => file.endsWith('.deb'));
  for (const file of packages) {
    await command('dpkg', ['-x', join(folder, file), folder], { timeoutMs: 60_000 });
    await rm(join(folder, file));
  }
  await rm(apt, { recursive: true, force: true });
}

async function downloadWith(options: readonly string[], cwd: string, names: Names): Promise<true> {
  await command('apt-get', [...options, 'download', '-q', ...(await names(options))], {
    cwd,
    timeoutMs: 180_000,
  });
  return true;
}

/** What an installation would add beside the server itself; the set differs from release to release. */
async function missingLibraries(options: readonly string[]): Promise<string[]> {
  const args = [...options, 'install', '--simulate', '--no-install-recommends', 'redis-server'];
  const plan = await command('apt-get', args, { timeoutMs: 60_000 }).catch(() => undefined);
  if (plan === undefined) return USUAL_LIBRARIES;
  // "Inst name (version …" is new, "Inst name [old] (…" an upgrade of what is there and good enough.
  return [...plan.matchAll(/^Inst (lib\S+) \(/gm)].flatMap(([, name]) => name ?? []);
}

// As root, apt downloads as the user _apt, who cannot write here.
function ownCache(apt: string): string[] {
  mkdirSync(join(apt, 'cache', 'archives', 'partial'), { recursive: true });
  return ['-o', `Dir::Cache=${join(apt, 'cache')}`, '-o', 'APT::Sandbox::User='];
}

function ownState(apt: string): string[] {
  mkdirSync(join(apt, 'state', 'lists', 'partial'), { recursive: true });
  const state = ['-o', `Dir::State=${join(apt, 'state')}`, '-o', 'Dir::State::status=/var/lib/dpkg/status'];
  return [...state, '-o', 'APT::Update::Post-Invoke::=', '-o', 'APT::Update::Post-Invoke-Success::='];
}

async function unpackedServer(folder: string): Promise<{ file: string; env: NodeJS.ProcessEnv }> {
  const file = join(folder, 'usr', 'bin', 'redis-server');
  const libraries: string[] = [];
  for (const base of [join(folder, 'usr', 'lib'), join(folder, 'lib')]) {
    const entries = await readdir(base, { withFileTypes: true }).catch(() => []);
    libraries.push(...entries.filter((entry) => entry.isDirectory()).map((entry) => join(base, entry.name)));
  }
  const env = { LD_LIBRARY_PATH: [...libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':') };
  await command(file, ['--version'], { env: { ...process.env, ...env }, timeoutMs: 10_000 });
  return { file, env };
}
