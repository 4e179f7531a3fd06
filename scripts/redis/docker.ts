import { command } from './command.js';

const IMAGE = 'redis:7-alpine';

/** The image to run, pulled if it is not there yet. Rejects if no engine answers or the image cannot be had. */
export async function dockerImage(docker: string): Promise<string> {
  await command(docker, ['info', '--format', '{{.ServerVersion}}'], { timeoutMs: 4_000 }).catch(
    (error: unknown) => {
      throw new Error('docker is on PATH, but no engine answers', { cause: error });
    },
  );
  await command(docker, ['image', 'inspect', IMAGE], { timeoutMs: 10_000 }).catch(() =>
    command(docker, ['pull', '--quiet', IMAGE], { timeoutMs: 300_000 }),
  );
  return IMAGE;
}

/** Arguments that run `args` as a server in a container called `name`, reachable on a loopback port only. */
export function dockerRun(image: string, name: string, port: number, args: readonly string[]): string[] {
  const publish = `127.0.0.1:${port}:${port}`;
  return ['run', '--rm', '--name', name, '--publish', publish, image, 'redis-server', ...args];
}
