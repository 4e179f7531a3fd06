import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { ensureBuilt } from '../../scripts/built.js';
import { startRedis, type RedisServer } from '../../scripts/redis/index.js';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { latch, type Latch } from '../helpers/until.js';

const root = join(__dirname, '..', '..');
let redis: RedisServer;
let provider: Provider;

beforeAll(async () => {
  // The examples import 'flowbroker' as their readers do, which in here is the package's own build.
  ensureBuilt();
  redis = await startRedis();
  provider = await Provider.start();
}, 120_000);
afterAll(async () => {
  await provider.stop();
  await redis.stop();
});

/** A payment provider that holds each charge until it is let go, and counts them. */
class Provider {
  readonly #server: Server;
  readonly #charges: string[] = [];
  #came: Latch = latch();
  #answer: Latch<number> = latch<number>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Provider> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const provider = new Provider(server);
    server.on('request', (request: IncomingMessage, response) => {
      void (async () => {
        const amount = await text(request);
        provider.#charges.push(`${String(request.headers['idempotency-key'])} ${amount}`);
        provider.#came.open();
        response.writeHead(await provider.#answer.opened).end(`charge-${String(provider.#charges.length)}`);
      })();
    });
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`;
  }

  /** The charges since this was asked last. */
  taken(): string[] {
    return this.#charges.splice(0);
  }

  /** Resolves when the next charge is there; it is held until `answer`. */
  hold(): Promise<void> {
    this.#came = latch();
    this.#answer = latch<number>();
    return this.#came.opened;
  }

  answer(status = 200): void {
    this.#answer.open(status);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Replica {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown[]>;
  post(path: string, key: string | undefined, amount?: number, tenant?: string): Promise<Response>;
}

async function start(name: string, env: NodeJS.ProcessEnv = {}): Promise<Replica> {
  const child = spawnTs(join(root, 'examples', `${name}.ts`), {
    env: { REDIS_URL: redis.url, PROVIDER_URL: provider.url, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout! });
  const [line] = (await once(lines, 'line')) as [string];
  const port = /^listening on (\d+)$/.exec(line)![1]!;
  return {
    child,
    exited,
    post: (path, key, amount = 1200, tenant = 'acme') =>
      fetch(`http://127.0.0.1:${port}${path}`, {
        method: 'POST',
        body: JSON.stringify({ amount }),
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${tenant}`,
          connection: 'close',
          ...(key === undefined ? {} : { 'idempotency-key': `"${key}"` }),
        },
      }),
  };
}

const problemOf = async (answer: Response): Promise<unknown> => {
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  return [answer.status, ((await answer.json()) as { code: string }).code];
};

describe.each(['idempotency-express', 'idempotency-fastify', 'idempotency-hono'])(
  'the example %s',
  (name) => {
    let one: Replica;
    let two: Replica;

    beforeAll(async () => {
      [one, two] = await Promise.all([start(name), start(name)]);
    }, 60_000);
    afterAll(async () => {
      for (const { child } of [one, two]) child.kill('SIGTERM');
      expect(await Promise.all([one.exited, two.exited])).toEqual([
        [0, null],
        [0, null],
      ]);
    });

    it('charges once for repetitions on two replicas, and gives all the same answer', async () => {
      const key = randomUUID();
      const came = provider.hold();
      const first = one.post('/payments', key);
      await came;
      const others = [one, two, two].map((replica) => replica.post('/payments', key));
      expect(await problemOf(await two.post('/payments', key, 9900))).toEqual([422, 'key_reused']);
      provider.answer();
      const answers = await Promise.all([first, ...others]);
      const bodies = await Promise.all(answers.map((answer) => answer.json()));
      const late = await two.post('/payments', key);
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
      expect(new Set([...bodies, await late.json()].map((body) => JSON.stringify(body))).size).toBe(1);
      expect(late.headers.get('location')).toBe(`/payments/${(bodies[0] as { id: string }).id}`);
      expect([answers[0], late].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([
        null,
        'true',
      ]);
      expect(provider.taken()).toHaveLength(1);
    });

    it('answers 409 where a repetition should not wait, 400 without a key', async () => {
      const key = randomUUID();
      const came = provider.hold();
      const first = one.post('/payouts', key);
      await came;
      for (const replica of [one, two])
        expect(await problemOf(await replica.post('/payouts', key))).toEqual([409, 'in_progress']);
      expect(await problemOf(await two.post('/payouts', undefined))).toEqual([400, 'key_missing']);
      provider.answer();
      expect((await first).status).toBe(201);
      expect((await two.post('/payouts', key)).status).toBe(201);
      expect(provider.taken()).toHaveLength(1);
    });

    it('keeps the same key of two tenants apart, at the provider too', async () => {
      const key = randomUUID();
      void provider.hold();
      provider.answer();
      const answers = [await one.post('/payments', key), await two.post('/payments', key, 1200, 'umbrella')];
      expect(answers.map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, null]);
      expect(new Set(provider.taken()).size).toBe(2);
    });

    it('frees the key when the provider failed', async () => {
      const key = randomUUID();
      void provider.hold();
      provider.answer(502);
      expect((await one.post('/payments', key)).status).toBe(500);
      void provider.hold();
      provider.answer();
      expect((await two.post('/payments', key)).status).toBe(201);
      expect(new Set(provider.taken()).size).toBe(1); // one key, so the provider can tell as well
    });
  },
);

it('does not charge again when the process that charges is killed: the outcome is unknown', async () => {
  const env = { LEASE_MS: '500' };
  const [one, two] = await Promise.all([
    start('idempotency-express', env),
    start('idempotency-express', env),
  ]);
  const key = randomUUID();
  const came = provider.hold();
  const first = one.post('/payments', key);
  await came;
  const waiting = two.post('/payments', key);
  one.child.kill('SIGKILL');
  await expect(first).rejects.toThrow();
  expect(await problemOf(await waiting)).toEqual([500, 'outcome_unknown']);
  expect(await problemOf(await two.post('/payments', key))).toEqual([500, 'outcome_unknown']);
  provider.answer();
  expect(provider.taken()).toHaveLength(1);
  two.child.kill('SIGTERM');
  expect(await two.exited).toEqual([0, null]);
}, 60_000);

it('finishes a charge under SIGTERM, and keeps its answer', async () => {
  const [one, two] = await Promise.all([start('idempotency-fastify'), start('idempotency-fastify')]);
  const key = randomUUID();
  const came = provider.hold();
  const first = one.post('/payments', key);
  await came;
  one.child.kill('SIGTERM');
  provider.answer();
  expect((await first).status).toBe(201);
  expect(await one.exited).toEqual([0, null]);
  expect((await two.post('/payments', key)).headers.get('idempotency-replayed')).toBe('true');
  expect(provider.taken()).toHaveLength(1);
  two.child.kill('SIGTERM');
  await two.exited;
}, 60_000);
