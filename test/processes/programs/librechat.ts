import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { OAuthClient, type Login, type Tokens } from '../../../examples/demo/oauth-client.js';
import { UserAgent } from '../../../examples/demo/user-agent.js';
import { FlowStateManager, type FlowLease } from '../../../src/adapters/librechat.js';
import { createBroker } from '../../../src/index.js';
import type { Called, LibreChatConfig, Refresh } from '../support/librechat.js';
import type { Answer, Call, ReplicaEvent } from '../support/protocol.js';

// One replica of an application as LibreChat is one: users log in to servers, and their tokens are refreshed. Each message is
// a call of one of the operations below.
const config = JSON.parse(process.argv[2] ?? '{}') as LibreChatConfig;
const broker = createBroker({ redis: config.url });
const manager = new FlowStateManager<unknown>(broker, {
  retainedFailureTypes: ['mcp_oauth'],
  ...config.manager,
});
/** Where an application keeps its users' tokens, which is not in flows. */
const database = new Redis(config.url);
const finishing = new Map<string, () => void>();
const aborting = new Map<string, AbortController>();
const leases = new Map<string, FlowLease>();
let client: OAuthClient | undefined;

const tell = (event: ReplicaEvent): void => void process.send?.(event);

function signalOf(token: string | undefined): AbortSignal | undefined {
  if (token === undefined) return undefined;
  const controller = aborting.get(token) ?? new AbortController();
  aborting.set(token, controller);
  return controller.signal;
}

async function oauth(): Promise<OAuthClient> {
  client ??= await OAuthClient.discover(config.issuer ?? '');
  return client;
}

async function outcome(pending: Promise<unknown>): Promise<Called> {
  try {
    return { value: await pending };
  } catch (error) {
    const { name, message } = error as Error;
    return { name, message };
  }
}

async function stored(user: string): Promise<Tokens | undefined> {
  const text = await database.get(`tokens:${user}`);
  return text === null ? undefined : (JSON.parse(text) as Tokens);
}

/** Redeems the stored refresh token, and stores what it gets unless the user uninstalled the server meanwhile. */
async function redeem(user: string, { hold }: Refresh): Promise<unknown> {
  const generation = await manager.getLeaseGeneration(user);
  const { refreshToken } = (await stored(user)) ?? { refreshToken: '' };
  await database.incr(`runs:${user}`);
  const told = new Promise<void>((resolve) => finishing.set(user, resolve));
  tell({ event: 'started', id: user, attempt: 0, fence: 0 });
  if (hold === 'before the POST') await told;
  const tokens = await (await oauth()).refresh(refreshToken);
  tell({ event: 'started', id: `${user}: redeemed`, attempt: 0, fence: 0 });
  if (hold === 'after the POST') await told;
  const lease = await manager.acquireLease(user, { expectedGeneration: generation ?? -1 });
  if (!lease) return null;
  await database.set(`tokens:${user}`, JSON.stringify(tokens));
  await lease.release();
  return { access_token: tokens.accessToken, expires_at: tokens.expiresAt };
}

const operations = {
  /** Calls a method of the manager. */
  manager: (method: keyof FlowStateManager, ...args: readonly unknown[]) => {
    const call = manager[method] as (...given: readonly unknown[]) => Promise<unknown>;
    return outcome(call.apply(manager, [...args]));
  },
  /** createFlow, which `abort` of the token ends. */
  create: (flowId: string, type: string, token?: string, createIfMissing?: boolean) =>
    outcome(manager.createFlow(flowId, type, {}, signalOf(token), createIfMissing)),
  refresh: (user: string, options: Refresh = {}) => {
    const signal = signalOf(options.token);
    const handler = (): Promise<unknown> => redeem(user, options);
    return outcome(manager.createFlowWithHandler(user, 'mcp_get_tokens', handler, signal));
  },
  /** The same by many callers at once, with a handler that takes a while and answers with its process. */
  workMany: (callers: number, flowId: string, takesMs: number) => {
    const handler = async (): Promise<string> => {
      await database.incr(`runs:${flowId}`);
      await delay(takesMs);
      return `${process.pid} at ${process.hrtime.bigint()}`;
    };
    const call = (): Promise<Called> => outcome(manager.createFlowWithHandler(flowId, 'work', handler));
    return Promise.all(Array.from({ length: callers }, call));
  },
  /** Lets a handler that holds go on. */
  finish: (user: string) => finishing.get(user)?.(),
  abort: (token: string) => aborting.get(token)?.abort(),
  /** Acquires a lease and keeps it until `release`. */
  acquire: async (leaseId: string, options?: object) => {
    const lease = await manager.acquireLease(leaseId, options);
    if (lease) leases.set(leaseId, lease);
    return lease?.generation ?? null;
  },
  release: (leaseId: string) => leases.get(leaseId)?.release(),
  /** A user that is logged in, whose tokens are in the database. */
  signIn: async (user: string) => {
    const oauthClient = await oauth();
    const login = oauthClient.newLogin(REDIRECT);
    const callback = await new UserAgent().logIn(await oauthClient.authorizationUrl(login), user, REDIRECT);
    const tokens = await oauthClient.exchange(callback, login);
    await database.set(`tokens:${user}`, JSON.stringify(tokens));
  },
  /** Begins a login; the flow is stored before anybody learns where to go. */
  begin: async (flowId: string) => {
    const oauthClient = await oauth();
    const login = oauthClient.newLogin(REDIRECT);
    await manager.initFlow(flowId, 'mcp_oauth', { ...login });
    const state = await manager.getFlowState(flowId, 'mcp_oauth');
    return {
      url: await oauthClient.authorizationUrl(login),
      state: login.state,
      createdAt: state?.createdAt,
    };
  },
  /** What the browser comes back with, for a login that this process or another began. */
  callback: (flowId: string, url: string, attempt?: { createdAt: number; state: string; metadata: Login }) =>
    outcome(
      (async () => {
        const found = await manager.getFlowState(flowId, 'mcp_oauth');
        if (!found) throw new Error('no such login');
        const login = attempt?.metadata ?? (found.metadata as unknown as Login);
        const exchange = async (): Promise<unknown> => (await oauth()).exchange(new URL(url), login);
        const tokens = await manager.createFlowWithHandler(login.state, 'mcp_exchange', exchange);
        if (!attempt) return manager.completeFlow(flowId, 'mcp_oauth', tokens);
        const { createdAt, state } = attempt;
        return manager.completeFlowIfCurrent(flowId, 'mcp_oauth', createdAt, state, tokens);
      })(),
    ),
  stored,
  forget: (user: string) => database.del(`tokens:${user}`),
  userinfo: async (accessToken: string) => (await oauth()).userinfo(accessToken),
  stats: () => broker.stats(),
};

const REDIRECT = 'http://127.0.0.1/callback';

async function answer({ call, op, args }: Call): Promise<Answer> {
  try {
    const operation = operations[op as keyof typeof operations] as (...given: readonly unknown[]) => unknown;
    return { call, value: await operation(...args.map((given) => given ?? undefined)) }; // JSON has no undefined
  } catch (error) {
    return { call, failure: String(error) };
  }
}

process.on('message', (call: Call) => {
  void answer(call).then((said) => process.connected && process.send?.(said));
});
process.send?.('ready');
