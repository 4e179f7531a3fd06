// npm run demo: Redis, a real authorization server, eight real processes, five scenes.
// Checks what it claims, and exits non-zero if a claim does not hold.
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { acquireRedis } from '../../scripts/redis/index.js';
import { AuthorizationServer } from './authorization-server.js';
import { Fleet } from './fleet.js';
import { LOOPBACK_CALLBACK, OAuthClient } from './oauth-client.js';
import { Report } from './report.js';
import { eachForItself } from './scenes/each-for-itself.js';
import { login } from './scenes/login.js';
import { ownerLost } from './scenes/owner-lost.js';
import { takeover } from './scenes/takeover.js';
import { throughRun } from './scenes/through-run.js';
import type { Stage } from './stage.js';
import { UserAgent } from './user-agent.js';

const SCENES = [eachForItself, throughRun, login, takeover, ownerLost];
const REPLICAS = 8;
const SCENE_MS = 20_000;

const report = new Report();
const started = performance.now();
/** How to end what was started, last first. */
const ends: (() => Promise<void> | void)[] = [];
let interrupted = false;

async function main(): Promise<void> {
  report.title('flowbroker: awaitables that live in Redis');
  report.note(
    'Any process opens a flow, any process settles it exactly once, any number wait and are woken.',
  );
  report.note('Starting Redis, an OAuth authorization server and eight replicas of a service …');
  try {
    const stage = await build();
    report.note(`Ready after ${seconds().toFixed(1)} s.`);
    for (const scene of SCENES) await inTime(scene(stage));
    report.summary(seconds());
    if (report.broken > 0) process.exitCode = 1;
  } finally {
    await endAll();
  }
}

async function build(): Promise<Stage> {
  const redis = await acquireRedis();
  ends.push(() => redis.stop());
  const prefix = `demo-${randomUUID()}`;
  if (redis.external) ends.push(() => forget(redis.url, prefix));

  const server = await AuthorizationServer.start();
  ends.push(() => server.stop());

  const fleet = new Fleet(REPLICAS, {
    REDIS_URL: redis.url,
    FLOW_PREFIX: prefix,
    FLOW_KEY: randomBytes(32).toString('base64'),
    ISSUER: server.issuer,
  });
  ends.push(() => fleet.end());

  report.gap();
  report.row('Redis', redis.external ? 'the one in REDIS_URL' : redis.url);
  report.row('OAuth server', `${server.issuer} (oidc-provider; refresh tokens rotate)`);
  report.row('replicas', `${fleet.names}: a process each, that knows only these two`);
  report.gap();
  await fleet.ready();

  const client = await OAuthClient.discover(server.issuer);
  const logIn: Stage['logIn'] = async (user) => {
    const begun = client.newLogin(LOOPBACK_CALLBACK);
    const url = await client.authorizationUrl(begun);
    return client.exchange(await new UserAgent().logIn(url, user, LOOPBACK_CALLBACK), begun);
  };
  return { report, server, fleet, client, logIn };
}

/** A scene takes two seconds or so; one that hangs is a claim that does not hold. */
function inTime(scene: Promise<void>): Promise<void> {
  const late = delay(SCENE_MS, undefined, { ref: false }).then(() => {
    throw new Error(`the scene did not end within ${String(SCENE_MS)} ms`);
  });
  return Promise.race([scene, late]);
}

/** Takes the demo's keys out of a Redis that is not the demo's. */
async function forget(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url);
  for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1_000 })) {
    if ((keys as string[]).length > 0) await redis.del(...(keys as string[]));
  }
  await redis.quit();
}

async function endAll(): Promise<void> {
  for (let end = ends.pop(); end; end = ends.pop()) await end();
}

function seconds(): number {
  return (performance.now() - started) / 1_000;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.log('\nStopping what was started …');
    interrupted = true;
    report.silence();
    void endAll().finally(() => process.exit(130));
  });
}

main().catch((error: unknown) => {
  if (interrupted) return;
  console.error(error);
  process.exitCode = 1;
});
