// One replica of the service: a process of its own that knows Redis, the authorization server, and no other replica.
import { createBroker, FlowError, sealedCodec } from '../../../src/index.js';
import { clock } from '../clock.js';
import { OAuthClient, oauthErrorOf } from '../oauth-client.js';
import { Logins } from './logins.js';
import type { Asked, Orders, Said, Tell } from './orders.js';
import { Refreshes } from './refresh.js';

async function main(): Promise<void> {
  const { REDIS_URL = '', FLOW_PREFIX = '', FLOW_KEY = '', ISSUER = '' } = process.env;
  const client = await OAuthClient.discover(ISSUER);
  const broker = createBroker({ redis: REDIS_URL, prefix: FLOW_PREFIX });
  // Results are tokens: what Redis holds is sealed.
  const codec = sealedCodec({ keys: { demo: FLOW_KEY }, current: 'demo' });

  const tell: Tell = (moment, attempt = 0) => say({ told: { moment, attempt, at: clock() } });
  const refreshes = new Refreshes(broker, codec, client, tell);
  const logins = new Logins(broker, codec, client, tell);
  const orders: Orders = {
    refreshAlone: (order) => refreshes.refreshAlone(order),
    refreshThroughRun: (order) => refreshes.refreshThroughRun(order),
    beginLogin: (redirectUri) => logins.beginLogin(redirectUri),
    waitForLogin: (state) => logins.waitForLogin(state),
    serveCallback: () => logins.serveCallback(),
  };

  // Ctrl-C reaches the whole process group: the demo decides, and this process ends with it.
  process.on('SIGINT', () => undefined);
  process.on('message', ({ id, order, input }: Asked) => {
    const obey = orders[order] as (input: unknown) => Promise<unknown>;
    obey(input).then(
      (value) => say({ id, value }),
      (error: unknown) => say({ id, error: described(error) }),
    );
  });
  // The first command connects, which is no part of what the scenes measure.
  await broker.define('warm-up').get('connection');
  say({ ready: true });
}

function say(said: Said): void {
  process.send?.(said);
}

function described(error: unknown): { code: string; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof FlowError ? error.code : (oauthErrorOf(error) ?? 'unexpected');
  return { code, message };
}

void main();
