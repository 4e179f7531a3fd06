import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, freePort, startRedis, type RedisServer } from '../../scripts/redis/index.js';
import { createBroker, type Broker, type BrokerOptions } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { resp3 } from '../helpers/resp3.js';
import { handles } from '../helpers/setup.js';
import { until } from '../helpers/until.js';
import { clusterBed } from './support/cluster-bed.js';

const brokers: Broker[] = [];
afterEach(() => Promise.all(brokers.splice(0).map((broker) => broker.close())));

function broker(redis: BrokerOptions['redis'], options: Partial<BrokerOptions> = {}): Broker {
  const made = createBroker({ redis, ...options });
  brokers.push(made);
  return made;
}

const NOT_PERMITTED = {
  cause: { message: expect.stringMatching(/NOPERM|can't run this command/) as string },
};

/** The rules of docs/topologies.md, by the name of their user. */
function documentedRules(): Map<string, string[]> {
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'topologies.md'), 'utf8');
  const rules = [...page.matchAll(/^ACL SETUSER (\S+) (.+)$/gm)];
  return new Map(rules.map(([, name, words]) => [name!, words!.split(' ')]));
}

async function setUsers(port: number): Promise<void> {
  for (const [name, words] of documentedRules()) await ask(port, 'ACL', 'SETUSER', name, 'reset', ...words);
}

async function refusals(port: number): Promise<string[]> {
  const log = (await ask(port, 'ACL', 'LOG')) as string[][];
  const field = (entry: string[], name: string): string => String(entry[entry.indexOf(name) + 1]);
  return log.map((entry) =>
    ['username', 'reason', 'context', 'object'].map((name) => field(entry, name)).join(' '),
  );
}

describe('the rules of the page are enough, and no more', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis({ args: ['--notify-keyspace-events', 'Kx'] });
    await setUsers(server.port);
  });
  afterAll(() => server.stop());
  const as = (user: string): Broker => broker(server.url.replace('//', `//${user}:secret@`));

  it('on one server', async () => {
    const [all, waiter, completer] = [as('broker'), as('waiter'), as('completer')];
    const flows = all.define<string>('acl');
    const { outcome } = await flows.open('a', { timeoutMs: 30_000 });
    const waiting = waiter.define<string>('acl').wait('a');
    await until('both listen', () =>
      [all, waiter].every((one) => one.stats().listening && one.stats().waiters > 0),
    );
    expect((await completer.define<string>('acl').get('a'))?.status).toBe('PENDING');
    expect((await completer.define<string>('acl').complete('a', 'x')).verdict).toBe('applied');
    expect(await Promise.all([outcome, waiting])).toEqual(['x', 'x']);
    expect(await flows.run('b', () => 'y')).toBe('y');
    const late = await flows.open('c', { timeoutMs: 60 });
    await failureOf(waiter.define('acl').wait('c'), 'ERR_FLOW_TIMED_OUT');
    await failureOf(late.outcome, 'ERR_FLOW_TIMED_OUT');
    expect((await flows.delete('a')).verdict).toBe('deleted');
    for await (const { type } of flows.list()) expect(type).toBe('acl');
    const seen = resp3 ? ['completer command toplevel subscribe'] : []; // as the page says
    expect(await refusals(server.port)).toEqual(seen);
    await ask(server.port, 'ACL', 'LOG', 'RESET');
    expect(all.stats().missedWakes + waiter.stats().missedWakes).toBe(0);
  });

  it('a completer that may subscribe is refused nothing, and has waiters woken before it is answered', async () => {
    await ask(server.port, 'ACL', 'SETUSER', 'completer', '+subscribe');
    const [flows, completing] = [as('broker').define<string>('acl'), as('completer').define<string>('acl')];
    const { outcome } = await flows.open('s');
    await completing.get('s');
    await completing.complete('none', 'x');
    expect((await completing.complete('s', 'x')).verdict).toBe('applied');
    expect(await outcome).toBe('x');
    expect(await refusals(server.port)).toEqual([]);
    await ask(server.port, 'ACL', 'SETUSER', 'completer', '-subscribe');
  });

  it('a waiter lists nothing, a completer listens to nothing', async () => {
    const [all, waiter, completer] = [as('broker'), as('waiter'), as('completer')];
    await all.define('acl').create('d');
    const listed = waiter.define('acl').list()[Symbol.asyncIterator]().next();
    expect(await failureOf(listed, 'ERR_FLOW_UNAVAILABLE')).toMatchObject(NOT_PERMITTED);
    const waiting = completer.define<string>('acl').wait('d');
    await until('it is refused to listen', async () =>
      (await refusals(server.port)).some((line) => /^completer (command|channel) .*subscribe/.test(line)),
    );
    expect(completer.stats().listening).toBe(false);
    await all.define<string>('acl').complete('d', 'found by polling');
    expect(await waiting).toBe('found by polling');
  });

  it('nobody takes a generation lease without the commands for hashes, and with them one does', async () => {
    for (const user of ['broker', 'waiter', 'completer']) {
      const refused = failureOf(as(user).lease('acl').acquire(), 'ERR_FLOW_UNAVAILABLE');
      expect(await refused).toMatchObject(NOT_PERMITTED);
    }
    await ask(server.port, 'ACL', 'SETUSER', 'broker', '+hgetall', '+hset', '+hdel', '+pexpireat');
    await ask(server.port, 'ACL', 'LOG', 'RESET');
    const lease = as('broker').lease('acl');
    const hold = await lease.acquire({ advanceGeneration: true });
    expect(await hold!.release()).toBe(true);
    expect(await lease.generation()).toBe(1);
    expect(await refusals(server.port)).toEqual([]);
  });
});

describe('in a Cluster with users', () => {
  const bed = clusterBed();
  it('the rules of the page are enough', async () => {
    for (const { port } of bed.cluster.servers) await setUsers(port);
    const as = (username: string): Broker =>
      bed.broker({ redis: { cluster: bed.cluster.nodes, username, password: 'secret' } });
    const [all, waiter, completer] = [as('broker'), as('waiter'), as('completer')];
    const ids = Array.from({ length: 20 }, bed.id);
    const opened = await Promise.all(ids.map((id) => all.define<string>('acl').open(id)));
    const waits = ids.map((id) => waiter.define<string>('acl').wait(id));
    await until('both listen', () =>
      [all, waiter].every((one) => one.stats().listening && one.stats().waiters > 0),
    );
    await Promise.all(ids.map((id) => completer.define<string>('acl').complete(id, id)));
    expect(await Promise.all([...opened.map(({ outcome }) => outcome), ...waits])).toEqual([...ids, ...ids]);
    expect((await all.define('acl').create('w', { minReplicas: 1, replicaTimeoutMs: 5_000 })).replicas).toBe(
      1,
    );
    for await (const { type } of all.define('acl').list()) expect(type).toBe('acl');
    const refused = await Promise.all(bed.cluster.servers.map(({ port }) => refusals(port)));
    expect(refused.flat()).toEqual([]);
    expect(all.stats().missedWakes + waiter.stats().missedWakes).toBe(0);
  });
});

it('speaks TLS', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'flowbroker-tls-'));
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      ...subject,
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'ignore' },
  );
  const server = await startRedis();
  try {
    await ask(
      server.port,
      'CONFIG',
      'SET',
      ...['tls-cert-file', cert, 'tls-key-file', key, 'tls-ca-cert-file', cert, 'tls-auth-clients', 'no'],
    );
    const port = await freePort();
    await ask(server.port, 'CONFIG', 'SET', 'tls-port', port);
    const ca = readFileSync(cert, 'utf8');
    const flows = broker({ host: '127.0.0.1', port, tls: { ca } }).define<string>('tls');
    const { outcome } = await flows.open('a');
    await flows.complete('a', 'x');
    expect(await outcome).toBe('x');
    const url = `rediss://127.0.0.1:${String(port)}`;
    const untrusted = broker(url, { connectTimeoutMs: 500 }).define('tls').create('b');
    expect(await failureOf(untrusted, 'ERR_FLOW_UNAVAILABLE')).toMatchObject({
      cause: { cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } },
    });
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true });
  }
});

it('uses the db of the URL, hints included, and a path for a socket', async () => {
  const server = await startRedis({ args: ['--unixsocket', 'redis.sock', '--notify-keyspace-events', 'Kx'] });
  try {
    for (const redis of [
      `${server.url}/3`,
      `unix://${join(server.dir, 'redis.sock')}?db=3`,
      { path: join(server.dir, 'redis.sock'), db: 3 },
    ]) {
      const flows = broker(redis).define<string>('db');
      const { outcome } = await flows.open('a');
      await flows.complete('a', 'x');
      expect(await outcome).toBe('x');
      await flows.delete('a');
    }
    expect(String(await ask(server.port, 'INFO', 'keyspace'))).not.toMatch(/db0/);
  } finally {
    await server.stop();
  }
});

it('says within connectTimeoutMs that a server cannot be reached at the start, and why', async () => {
  const server = await startRedis();
  await server.stop();
  const [started, before] = [performance.now(), handles().timers];
  const options = { connectTimeoutMs: 300, commandTimeoutMs: 60_000 };
  const flows = broker(server.url, options).define('gone');
  const error = await failureOf(flows.create('a'), 'ERR_FLOW_UNAVAILABLE');
  expect(error.message).toMatch(/could not be reached within connectTimeoutMs \(300 ms\)/);
  expect(error.cause).toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  expect(performance.now() - started).toBeLessThan(30_000); // and not within commandTimeoutMs
  const cluster = broker({ cluster: [{ host: '127.0.0.1', port: server.port }] }, options);
  await failureOf(cluster.define('gone').create('a'), 'ERR_FLOW_UNAVAILABLE');
  const sentinels = broker({ sentinels: [{ host: '127.0.0.1', port: server.port }], name: 'a' }, options);
  await failureOf(sentinels.define('gone').create('a'), 'ERR_FLOW_UNAVAILABLE');
  await Promise.all(brokers.splice(0).map((one) => one.close()));
  // ioredis gives each Sentinel that it tried two seconds to say goodbye.
  await until('its timers to end', () => handles().timers <= before);
});

it('a replica and a server without memory left are ERR_FLOW_UNAVAILABLE with what they said, and nothing is half-written', async () => {
  const server = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
  const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${String(server.port)}`] });
  try {
    const flows = broker(server.url).define<string>('full');
    await flows.create('a');
    await ask(server.port, 'CONFIG', 'SET', 'maxmemory', '1mb');
    const before = await ask(server.port, 'GET', 'flow:{full:a}');
    for (const call of [
      () => flows.complete('a', 'x'),
      () => flows.create('b'),
      () => flows.run('c', () => 'x'),
    ]) {
      const error = await failureOf(call(), 'ERR_FLOW_UNAVAILABLE');
      expect(error.cause).toMatchObject({ message: expect.stringMatching(/OOM/) as string });
    }
    expect(await ask(server.port, 'GET', 'flow:{full:a}')).toEqual(before);
    expect(await ask(server.port, 'DBSIZE')).toBe(1);
    await ask(server.port, 'CONFIG', 'SET', 'maxmemory', '0');
    expect((await flows.complete('a', 'x')).verdict).toBe('applied');
    const error = await failureOf(broker(replica.url).define('full').create('d'), 'ERR_FLOW_UNAVAILABLE');
    expect(error.cause).toMatchObject({ message: expect.stringMatching(/READONLY/) as string });
  } finally {
    await Promise.all([server.stop(), replica.stop()]);
  }
});
