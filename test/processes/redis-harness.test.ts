import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { acquireRedis, freePort, startRedis, type RedisServer } from '../../scripts/redis/index.js';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { message } from '../helpers/program.js';

const HOLDER = join(__dirname, 'programs', 'redis-holder.ts');

interface Held {
  pid: number;
  port: number;
  dir: string;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  // A killed server resets what it had not read: its end matters, not how the connection saw it.
  socket.on('error', () => undefined);
  return socket;
}

async function refused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // Ended, and only waiting for the system's init to collect it.
  return !/^\d+ \(.*\) Z/.test(processState(pid));
}

function processState(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return '';
  }
}

async function gone({ pid, port, dir }: Held): Promise<void> {
  while (alive(pid) || existsSync(dir) || !(await refused(port))) await delay(5);
}

describe('a server that startRedis started', () => {
  let server: RedisServer;
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(() => server.stop());

  async function withClient<T>(use: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(server.url);
    try {
      return await use(client);
    } finally {
      client.disconnect();
    }
  }

  it('answers under its url, on loopback only and without persistence', async () => {
    const [bind, save] = await withClient(async (client) => [
      await client.config('GET', 'bind'),
      await client.config('GET', 'save'),
    ]);
    expect(bind).toEqual(['bind', '127.0.0.1']);
    expect(save).toEqual(['save', '']);
  });

  it('starts again on the same port, empty, after being killed by its pid', async () => {
    await withClient((client) => client.set('key', 'value'));
    const { pid, port } = server;
    process.kill(pid, 'SIGKILL');
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await withClient((client) => client.dbsize())).toBe(0);
  });

  it('is gone with its directory once stop() has resolved', async () => {
    await server.stop();
    expect(alive(server.pid)).toBe(false);
    expect(existsSync(server.dir)).toBe(false);
    expect(await refused(server.port)).toBe(true);
  });

  it('answers nothing while paused, and everything once resumed', async () => {
    await withClient(async (client) => {
      await client.ping();
      await server.pause();
      let answered = false;
      const answer = client.ping().then(() => {
        answered = true;
      });
      await delay(50);
      expect(answered).toBe(false);
      await server.resume();
      await answer;
    });
  });

  it('refuses a port that is taken, and says why', async () => {
    await expect(startRedis({ port: server.port })).rejects.toThrow(/address already in use/i);
  });
});

describe('servers are gone', () => {
  it.each([
    ['exits', (child) => child.send('exit')],
    ['throws', (child) => child.send('throw')],
    ['runs to its end without stopping the server', (child) => child.send('finish')],
    ['gets SIGINT', (child) => child.kill('SIGINT')],
    ['gets SIGTERM', (child) => child.kill('SIGTERM')],
    ['gets SIGKILL', (child) => child.kill('SIGKILL')],
  ] satisfies [string, (child: ReturnType<typeof spawnTs>) => boolean][])(
    'after the process that started them %s',
    async (_how, end) => {
      const child = spawnTs(HOLDER, { stdio: ['ignore', 'ignore', 'ignore'] });
      const held = await message<Held>(child);
      const socket = await connected(held.port);
      const closed = new Promise((resolve) => socket.once('close', resolve)); // also after a reset
      const exited = once(child, 'exit');
      end(child);
      await Promise.all([exited, closed]);
      await gone(held);
    },
  );

  it('even if they were frozen when the process was killed', async () => {
    const child = spawnTs(HOLDER, { args: ['paused'], stdio: ['ignore', 'ignore', 'ignore'] });
    const held = await message<Held>(child);
    child.kill('SIGKILL');
    await gone(held);
  });
});

it('says what to install where no server can be found', async () => {
  const child = spawnTs(HOLDER, { env: { PATH: '/nowhere' }, stdio: ['ignore', 'ignore', 'pipe'] });
  const words = await text(child.stderr!);
  for (const way of [
    'REDIS_URL',
    'Docker',
    'apt-get install redis-server',
    'brew install redis',
    'Windows',
  ]) {
    expect(words).toContain(way);
  }
});

describe('acquireRedis', () => {
  const before = process.env.REDIS_URL;
  afterEach(() => {
    if (before === undefined) delete process.env.REDIS_URL;
    else process.env.REDIS_URL = before;
  });

  it('starts a server if REDIS_URL is not set', async () => {
    delete process.env.REDIS_URL;
    const redis = await acquireRedis();
    expect(redis.external).toBe(false);
    await redis.stop();
  });

  it('takes the server in REDIS_URL, and leaves it running', async () => {
    const server = await startRedis();
    process.env.REDIS_URL = server.url;
    const redis = await acquireRedis();
    expect(redis).toMatchObject({ url: server.url, external: true });
    await redis.stop();
    expect(server.running).toBe(true);
    await server.stop();
  });

  it('names the server in REDIS_URL that does not answer, but not its password', async () => {
    const port = await freePort();
    process.env.REDIS_URL = `redis://user:hunter2@127.0.0.1:${port}`;
    const failure = await acquireRedis().catch((error: unknown) => String(error));
    expect(failure).toContain(`127.0.0.1:${port} does not answer`);
    expect(failure).not.toContain('hunter2');
  });
});
