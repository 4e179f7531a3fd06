import { debianServer } from './debian.js';
import { dockerImage } from './docker.js';
import { searchPath } from './search.js';

/** Where Redis servers come from on this machine. */
export type Engine =
  | { readonly kind: 'binary'; readonly file: string; readonly env: NodeJS.ProcessEnv }
  | { readonly kind: 'docker'; readonly docker: string; readonly image: string };

let found: Promise<Engine> | undefined;

/**
 * The engine to start servers with: `redis-server` or `valkey-server` on PATH, else Docker if an engine answers, else
 * Debian's own packages, unpacked into a cache without installing anything. Searched once a process.
 * Rejects with a message that says what to install.
 */
export function findEngine(): Promise<Engine> {
  found ??= search();
  return found;
}

async function search(): Promise<Engine> {
  const file = searchPath(['redis-server', 'valkey-server']);
  if (file) return { kind: 'binary', file, env: {} };

  const tried = ['no redis-server or valkey-server on PATH'];
  const docker = searchPath(['docker']);
  if (docker) {
    try {
      return { kind: 'docker', docker, image: await dockerImage(docker) };
    } catch (error) {
      tried.push(words(error));
    }
  } else {
    tried.push('no docker on PATH');
  }

  try {
    return { kind: 'binary', ...(await debianServer()) };
  } catch (error) {
    tried.push(words(error));
  }
  throw new Error(`No Redis server to start.\n${tried.map((line) => `  - ${line}`).join('\n')}\n${ADVICE}`);
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const ADVICE = `Do one of these, then run the command again:
  any system      set REDIS_URL=redis://host:port to a Redis >= 6.2 or Valkey that may be written to
  any system      start Docker
  Debian, Ubuntu  sudo apt-get install redis-server
  macOS           brew install redis
  Windows         use WSL (then as on Ubuntu) or Docker Desktop`;
