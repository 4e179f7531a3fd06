// One replica: an Express app that knows Redis, the authorization server, and no other replica.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createBroker, sealedCodec } from 'flowbroker';
import { OAuthClient } from '../demo/oauth-client.js';
import { loginRoutes } from './login-routes.js';
import { Logins } from './logins.js';

async function main(): Promise<void> {
  const { REDIS_URL = 'redis://localhost:6379', FLOW_PREFIX, FLOW_KEY = '', ISSUER = '' } = process.env;
  const broker = createBroker({ redis: REDIS_URL, prefix: FLOW_PREFIX });
  // Results are tokens, metadata are PKCE verifiers: what Redis holds is sealed.
  const codec = sealedCodec({ keys: { first: FLOW_KEY }, current: 'first' });
  const logins = new Logins(broker, codec, await OAuthClient.discover(ISSUER));

  const app = express();
  app.use((request, response, next) => {
    const [, session] = /(?:^|; )sid=([\w-]{36})/.exec(request.headers.cookie ?? '') ?? [];
    response.locals['session'] = session ?? randomUUID();
    // In production also `secure`, and the name `__Host-sid`.
    if (!session) response.cookie('sid', response.locals['session'], { httpOnly: true, sameSite: 'lax' });
    next();
  });
  const server = app.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  // Where the provider sends browsers back to: in production the one public address, behind which any replica may answer.
  app.use(loginRoutes(logins, process.env['CALLBACK_URL'] ?? `${url}/callback`));
  console.log(`listening on ${url}`);

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      server.close();
      server.keepAliveTimeout = 1; // a connection ends with the answer that it waits for
      // An exchange that runs may finish; requests that wait are answered with 503, and ask another replica.
      void broker.close({ drainMs: 5_000 });
    });
  }
}

void main();
