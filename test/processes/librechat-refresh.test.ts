import { LibreChat, type Called } from './support/librechat.js';
import type { Replica } from './support/replica.js';
import { figure } from './support/figure.js';

interface Tokens {
  readonly access_token: string;
  readonly expires_at: number;
}

const LEASE_MS = 1_000;

let chat: LibreChat;
let a: Replica;
let b: Replica;
let users = 0;

beforeAll(async () => {
  chat = await LibreChat.start();
  [a, b] = (await chat.replicas(2, { leaseMs: LEASE_MS })) as [Replica, Replica];
}, 60_000);
afterAll(() => chat.stop());

/** A user whose tokens are in the database, and nothing counted before. */
async function signedIn(): Promise<string> {
  const user = `user-${++users}`;
  await a.call('signIn', user);
  await chat.seen();
  return user;
}

const refresh = (replica: Replica, user: string, options = {}): Promise<Called> =>
  replica.call('refresh', user, options);
const begun = (replica: Replica, user: string) => replica.next('started', { id: user });

async function expectLive(outcome: Called): Promise<void> {
  const { access_token: token } = outcome.value as Tokens;
  expect(await a.call('userinfo', token)).toBe(200);
}

it('does not have a token family revoked when two replicas refresh at once', async () => {
  const user = await signedIn();
  const outcomes = await Promise.all([refresh(a, user), refresh(b, user)]);
  expect(outcomes[0].value).toEqual(outcomes[1].value);
  expect(await chat.seen()).toEqual({ posts: 1, revocations: 0 });
  await expectLive(outcomes[0]);
});

it('refreshes once when a ping, a 401 and a reconnect ask for it at once, on each replica', async () => {
  const user = await signedIn();
  const ping = refresh(a, user, { hold: 'before the POST' });
  await begun(a, user);
  const rest = [refresh(a, user), refresh(a, user), refresh(b, user), refresh(b, user), refresh(b, user)];
  await chat.heard('mcp_get_tokens', user, 2);
  await a.call('finish', user);
  const outcomes = await Promise.all([ping, ...rest]);
  expect(new Set(outcomes.map(({ value }) => JSON.stringify(value))).size).toBe(1);
  expect(await chat.runs(user)).toBe(1);
  expect(await chat.seen()).toEqual({ posts: 1, revocations: 0 });
  await expectLive(outcomes[0]);
});

it('does not serve a COMPLETED token that has expired, and refreshes it once', async () => {
  const user = await signedIn();
  const expired: Tokens = { access_token: 'expired', expires_at: Math.floor(Date.now() / 1000) - 60 };
  await a.call('manager', 'initFlow', user, 'mcp_get_tokens', {});
  await a.call('manager', 'completeFlow', user, 'mcp_get_tokens', expired);
  const outcomes = await Promise.all([refresh(a, user), refresh(b, user), refresh(b, user)]);
  expect(new Set(outcomes.map(({ value }) => JSON.stringify(value))).size).toBe(1);
  expect(await chat.seen()).toEqual({ posts: 1, revocations: 0 });
  await expectLive(outcomes[0]);
});

it('replaces a leftover failure at once, and lets nobody wait for it', async () => {
  const user = await signedIn();
  await a.call('manager', 'initFlow', user, 'mcp_get_tokens', {});
  await a.call('manager', 'failFlow', user, 'mcp_get_tokens', 'left over');
  const outcome = refresh(b, user, { hold: 'before the POST' });
  await begun(b, user);
  const other = refresh(a, user);
  await chat.heard('mcp_get_tokens', user, 2);
  await b.call('finish', user);
  expect((await other).value).toEqual((await outcome).value);
  expect(await chat.seen()).toEqual({ posts: 1, revocations: 0 });
});

it('lets the abort of one request end that request alone', async () => {
  const user = await signedIn();
  const leaving = refresh(a, user, { hold: 'before the POST', token: user });
  await begun(a, user);
  const [here, there] = [refresh(a, user), refresh(b, user)];
  await chat.heard('mcp_get_tokens', user, 2);
  await a.call('abort', user);
  expect(await leaving).toMatchObject({ message: 'mcp_get_tokens flow aborted' });
  await a.call('finish', user);
  const outcomes = await Promise.all([here, there]);
  expect(outcomes[0].value).toEqual(outcomes[1].value);
  expect(await chat.seen()).toEqual({ posts: 1, revocations: 0 });
  await expectLive(outcomes[0]);
});

it('does not block when a replica dies in the middle of a refresh: another takes over when its lease ends', async () => {
  const user = await signedIn();
  const [dying] = (await chat.replicas(1, { leaseMs: LEASE_MS })) as [Replica];
  void refresh(dying, user, { hold: 'before the POST' });
  await begun(dying, user);
  const waiting = refresh(b, user);
  await chat.heard('mcp_get_tokens', user, 2);
  const killed = performance.now();
  await dying.kill();
  const outcome = await waiting;
  figure(
    `tokens ${Math.round(performance.now() - killed)} ms after a refreshing replica was killed (lease ${LEASE_MS} ms)`,
  );
  expect(await chat.runs(user)).toBe(2);
  expect(await chat.seen()).toEqual({ posts: 1, revocations: 0 });
  await expectLive(outcome);
});

it('tells who waits that the refresh was lost, where it must not be tried twice', async () => {
  const user = await signedIn();
  const once = { leaseMs: LEASE_MS, maxAttempts: 1 };
  const [dying, waits] = (await chat.replicas(2, once)) as [Replica, Replica];
  void refresh(dying, user, { hold: 'after the POST' });
  await begun(dying, `${user}: redeemed`);
  const waiting = refresh(waits, user);
  await chat.heard('mcp_get_tokens', user, 2);
  await dying.kill();
  const { value, message } = await waiting;
  expect({ value, message }).toEqual({
    value: undefined,
    message: expect.stringContaining('owner was lost') as string,
  });
  expect(await chat.seen()).toEqual({ posts: 1, revocations: 0 });
});

describe('an uninstall while a refresh is under way', () => {
  it('has the refreshed tokens refused, and leaves none behind', async () => {
    const user = await signedIn();
    const outcome = refresh(a, user, { hold: 'after the POST' });
    await begun(a, `${user}: redeemed`);
    expect(await b.call('acquire', user, { advanceGeneration: true })).toBe(1);
    await b.call('forget', user);
    await b.call('manager', 'deleteFlow', user, 'mcp_get_tokens');
    await b.call('release', user);
    await a.call('finish', user);
    expect(await outcome).toEqual({ value: null });
    expect(await b.call('stored', user)).toBeUndefined();
  });

  it('waits for tokens that are being stored, and takes those away too', async () => {
    const user = await signedIn();
    expect(await a.call('acquire', user)).toBe(0);
    const teardown = b.call('acquire', user, { advanceGeneration: true, waitMs: 60_000 });
    await chat.heard('@lease', user, 1);
    await a.call('release', user);
    expect(await teardown).toBe(1);
    expect(await a.call('manager', 'getLeaseGeneration', user)).toEqual({ value: null });
    await b.call('release', user);
    expect(await a.call('manager', 'getLeaseGeneration', user)).toEqual({ value: 1 });
  });

  it('does not wait for ever for a replica that died while it stored them', async () => {
    const user = await signedIn();
    const [dying] = (await chat.replicas(1)) as [Replica];
    expect(await dying.call('acquire', user, { leaseMs: LEASE_MS })).toBe(0);
    const teardown = b.call('acquire', user, { advanceGeneration: true, waitMs: 60_000 });
    await chat.heard('@lease', user, 1);
    await dying.kill();
    expect(await teardown).toBe(1);
    await b.call('release', user);
  });
});
