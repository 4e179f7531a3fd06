import { LibreChat, type Called } from './support/librechat.js';
import type { Replica } from './support/replica.js';

interface Begun {
  readonly url: string;
  readonly state: string;
  readonly createdAt: number;
}
interface Attempt extends Begun {
  readonly metadata: unknown;
}

let chat: LibreChat;
let a: Replica;
let b: Replica;
let c: Replica;
let logins = 0;

beforeAll(async () => {
  chat = await LibreChat.start();
  [a, b, c] = (await chat.replicas(3)) as [Replica, Replica, Replica];
}, 60_000);
afterAll(() => chat.stop());

const flowId = (): string => `user-${++logins}:server`;
const waitFor = (replica: Replica, id: string, type = 'mcp_oauth'): Promise<Called> =>
  replica.call('create', id, type);
const stateOf = async (replica: Replica, id: string): Promise<Record<string, unknown> | undefined> =>
  (await replica.call<{ value?: Record<string, unknown> }>('manager', 'getFlowState', id, 'mcp_oauth')).value;

/** A login as the tab knows it that began it. */
async function begin(replica: Replica, id: string): Promise<Attempt> {
  const begun = await replica.call<Begun>('begin', id);
  return { ...begun, metadata: (await stateOf(replica, id))!['metadata'] };
}

it('finds the flow of a login on every replica as soon as the browser can come back', async () => {
  for (let round = 0; round < 5; round++) {
    const id = flowId();
    const { url } = await a.call<Begun>('begin', id);
    expect(await stateOf(b, id)).toMatchObject({ status: 'PENDING' });
    const callback = await chat.browse(url, 'ada');
    expect(await b.call('callback', id, callback)).toEqual({ value: true });
    // The callback came before anybody waited.
    expect(await waitFor(c, id)).toMatchObject({ value: { accessToken: expect.any(String) as string } });
  }
});

it('exchanges the code once for a callback that comes twice, to two replicas, and answers both', async () => {
  const id = flowId();
  const { url } = await a.call<Begun>('begin', id);
  const waiting = [waitFor(a, id), waitFor(b, id)];
  await chat.heard('mcp_oauth', id, 2);
  const callback = await chat.browse(url, 'ada');
  await chat.seen();
  const answers = await Promise.all([b, c].map((replica) => replica.call<Called>('callback', id, callback)));
  expect(answers).toEqual([{ value: true }, { value: true }]);
  expect(await chat.seen()).toEqual({ posts: 1, revocations: 0 });
  const [one, two] = await Promise.all(waiting);
  expect(one).toEqual(two);
  const { accessToken } = one!.value as { accessToken: string };
  expect(await c.call('userinfo', accessToken)).toBe(200);
});

it('takes the answer of the tab that began last, whichever of two tabs comes back first', async () => {
  const id = flowId();
  const first = await begin(a, id);
  const waiting = waitFor(a, id);
  await chat.heard('mcp_oauth', id, 1);
  const second = await begin(b, id);
  const [late, current] = [await chat.browse(first.url, 'ada'), await chat.browse(second.url, 'ada')];
  expect(await c.call('callback', id, late, first)).toEqual({ value: 'stale' });
  expect(await stateOf(c, id)).toMatchObject({ status: 'PENDING', metadata: { state: second.state } });
  expect(await c.call('callback', id, current, second)).toEqual({ value: 'updated' });
  // Who waited for the first tab's login waits for the user, whichever tab it is.
  expect(await waiting).toMatchObject({ value: { accessToken: expect.any(String) as string } });
  const tokens = (await stateOf(a, id))!['result'];
  expect((await waiting).value).toEqual(tokens);
});

it('leaves a login that was restarted alone when the old tab fails or is cleaned up late', async () => {
  const id = flowId();
  const old = await begin(a, id);
  const restarted = await begin(b, id);
  const guarded = (method: string, ...args: unknown[]): Promise<Called> =>
    c.call('manager', method, id, 'mcp_oauth', old.createdAt, old.state, ...args);
  expect(await guarded('failFlowIfCurrent', 'the old tab was closed')).toEqual({ value: 'stale' });
  expect(await guarded('deleteFlowIfCurrent')).toEqual({ value: 'stale' });
  expect(await stateOf(a, id)).toMatchObject({ status: 'PENDING', metadata: { state: restarted.state } });
});

describe('a connection that waits for tokens', () => {
  const type = 'mcp_get_tokens';

  it('is told at once, by name, when the callback deletes its flow', async () => {
    const id = flowId();
    const waiting = [waitFor(a, id, type), waitFor(b, id, type)];
    await chat.heard(type, id, 2);
    await c.call('manager', 'deleteFlow', id, type);
    for (const outcome of await Promise.all(waiting))
      expect(outcome).toEqual({
        name: 'FlowStateNotFoundError',
        message: 'mcp_get_tokens Flow state not found',
      });
  });

  it('gets the tokens when the callback settles its flow instead', async () => {
    const id = flowId();
    const waiting = [waitFor(a, id, type), waitFor(b, id, type)];
    await chat.heard(type, id, 2);
    const found = await c.call<{ value: { createdAt: number } }>('manager', 'getFlowState', id, type);
    const settled = c.call('manager', 'settleFlowIfCurrent', id, type, found.value.createdAt, '', 'tokens');
    expect(await settled).toEqual({ value: 'updated' });
    expect(await Promise.all(waiting)).toEqual([{ value: 'tokens' }, { value: 'tokens' }]);
  });

  it('is told of a failure with all others, not only the first that looks', async () => {
    const id = flowId();
    const waiting = [a, b, c].map((replica) => waitFor(replica, id, type));
    await chat.heard(type, id, 3);
    await a.call('manager', 'failFlow', id, type, 'the user said no');
    for (const outcome of await Promise.all(waiting))
      expect(outcome).toMatchObject({ message: 'the user said no' });
    expect(await b.call('manager', 'getFlowState', id, type)).toEqual({});
  });
});

it('says until when a login button is good; after that the login is over for all, and stays readable', async () => {
  const [here, there] = (await chat.replicas(2, { monitorTimeout: 1_500, ttl: 60_000 })) as [
    Replica,
    Replica,
  ];
  const id = flowId();
  await begin(here, id);
  const { createdAt, expiresAt } = (await stateOf(there, id)) as { createdAt: number; expiresAt: number };
  expect(expiresAt).toBe(createdAt + 1_500);
  const waiting = await Promise.all([waitFor(here, id), waitFor(there, id)]);
  for (const outcome of waiting) expect(outcome).toMatchObject({ message: 'mcp_oauth flow timed out' });
  expect(await stateOf(there, id)).toMatchObject({ status: 'FAILED', failedAt: expiresAt });
  expect(await waitFor(there, id)).toMatchObject({ message: 'mcp_oauth flow timed out' });
});
