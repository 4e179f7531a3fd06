import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { Browser } from '../../examples/express-oauth/browser.js';
import { Replica } from '../../examples/show/replica.js';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { readRecord } from '../helpers/record.js';
import { until } from '../helpers/until.js';
import { recipeProcesses } from './support/recipe-processes.js';

const recipe = recipeProcesses('express-oauth');
const env: NodeJS.ProcessEnv = { FLOW_KEY: randomBytes(32).toString('base64') };
let child: ChildProcess;
let provider: Replica;
let A: string;
let B: string;
let browser: Browser;

beforeAll(async () => {
  child = spawnTs(join(__dirname, 'programs', 'authorization-server.ts'), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  provider = new Replica(child);
  env['ISSUER'] = await provider.url();
  B = (await recipe.serve('server', env)).url;
  env['CALLBACK_URL'] = `${B}/callback`;
  A = (await recipe.serve('server', env)).url;
}, 30_000);
afterAll(() => provider.kill());
beforeEach(() => {
  browser = new Browser(`${B}/callback`);
});

async function seen(): Promise<{ posts: number; revocations: number }> {
  child.send('seen');
  const [{ posts, revocations }] = (await once(child, 'message')) as [
    { posts: unknown[]; revocations: number },
  ];
  return { posts: posts.length, revocations };
}

/** Resolves once so many replicas wait for the browser's login. */
const awaited = (replicas: number): Promise<void> =>
  until('the waits', async () => {
    const [, count] = await recipe.redis.pubsub('NUMSUB', `flow:{login:${browser.session}}`);
    return Number(count) === replicas;
  });

it('exchanges a code once, however many callbacks come at once and on whichever replica', async () => {
  const before = await seen();
  const url = await browser.begin(A);
  const waits = [browser.outcome(A), browser.outcome(B)];
  await awaited(2);
  const back = await browser.logIn(url, 'ada');
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => browser.callback(back, n % 2 ? A : B)),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(answers.filter(({ body }) => (body as { finished: string }).finished === 'logged in')).toHaveLength(
    1,
  );
  for (const outcome of await Promise.all(waits)) expect(outcome.body).toEqual({ loggedIn: true });
  expect(await seen()).toEqual({ posts: before.posts + 1, revocations: before.revocations });
});

it('lets a second tab join the login of the first, and leaves the second code alone', async () => {
  const before = await seen();
  const [one, two] = [await browser.begin(A), await browser.begin(B)];
  expect(new URL(two).searchParams.get('state')).toBe(new URL(one).searchParams.get('state'));
  const first = await browser.logIn(one, 'bob');
  const second = await browser.logIn(two, 'bob');
  expect(second.searchParams.get('code')).not.toBe(first.searchParams.get('code'));
  expect(await browser.callback(first, B)).toEqual({ status: 200, body: { finished: 'logged in' } });
  expect(await browser.callback(second, A)).toEqual({ status: 200, body: { finished: 'already logged in' } });
  expect(await seen()).toEqual({ posts: before.posts + 1, revocations: before.revocations });
});

it('tells a late callback that its login was replaced, and the newer login stands', async () => {
  const old = await browser.logIn(await browser.begin(A), 'eve');
  expect(await browser.callback(old, A)).toMatchObject({ status: 200 });
  const url = await browser.begin(B); // logs in anew
  expect(await browser.callback(old, A)).toEqual({ status: 409, body: { finished: 'replaced' } });
  expect(await browser.callback(await browser.logIn(url, 'eve'), A)).toMatchObject({ status: 200 });
});

it('takes no callback of another session', async () => {
  const back = await browser.logIn(await browser.begin(A), 'mallory');
  const victim = new Browser(`${B}/callback`);
  expect(await victim.callback(back, B)).toEqual({ status: 404, body: { finished: 'unknown' } });
  await victim.begin(A);
  expect(await victim.callback(back, B)).toEqual({ status: 409, body: { finished: 'replaced' } });
});

it('ends a login whose code the provider refuses, and tries that code no second time', async () => {
  const before = await seen();
  const url = await browser.begin(A);
  const waits = browser.outcome(A);
  await awaited(1);
  const back = await browser.logIn(url, 'trent');
  back.searchParams.set('code', 'made-up');
  const answers = await Promise.all([A, B, A].map((replica) => browser.callback(back, replica)));
  expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
  expect((await waits).status).toBe(403);
  expect((await browser.callback(back, B)).status).toBe(403);
  expect((await seen()).posts).toBe(before.posts + 1);
});

it('lets nobody read tokens or verifiers in Redis', async () => {
  const back = await browser.logIn(await browser.begin(A), 'peggy');
  await browser.callback(back, B);
  const keys = (await recipe.redis.keys('flow:{*')).filter((key) => !key.endsWith(':timer'));
  const records = await Promise.all(keys.map((key) => readRecord(recipe.redis, key)));
  const stored = records.flatMap((record) => [record?.['metadata'], record?.['result']]).filter(Boolean);
  expect(stored.length).toBeGreaterThan(1);
  for (const text of stored) expect(text).not.toMatch(/verifier|Token/);
});

it('sends who waits at a replica that stops to another, which answers', async () => {
  const leaves = await recipe.serve('server', env);
  const url = await browser.begin(leaves.url);
  const waits = browser.outcome(leaves.url);
  await awaited(1);
  expect(await leaves.process.stop()).toEqual([0, null]);
  expect((await waits).status).toBe(503);
  const again = browser.outcome(A);
  await browser.callback(await browser.logIn(url, 'carol'), B);
  expect(await again).toEqual({ status: 200, body: { loggedIn: true } });
});
