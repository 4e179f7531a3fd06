import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CLIENT_ID, LOOPBACK_CALLBACK } from './oauth-client.js';
import { clock } from './clock.js';

/** What the server saw since a mark was set. */
export interface Seen {
  /** When each POST to /token arrived. */
  readonly posts: readonly number[];
  /** How often it took a reuse for theft, and revoked everything that had come from one login. */
  readonly revocations: number;
}

/**
 * A real OpenID Connect provider on a free loopback port: code flow with PKCE, login and consent pages, refresh tokens that
 * rotate. A refresh token that comes twice revokes the whole token family, as RFC 9700 wants it.
 */
export class AuthorizationServer {
  readonly issuer: string;
  readonly #http: Server;
  readonly #posts: number[] = [];
  #revocations = 0;

  private constructor(http: Server) {
    this.#http = http;
    this.issuer = `http://127.0.0.1:${String((http.address() as AddressInfo).port)}`;
  }

  static async start(): Promise<AuthorizationServer> {
    muteDevelopmentNotices();
    const { Provider } = await import('oidc-provider');
    const http = createServer();
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');

    const server = new AuthorizationServer(http);
    const provider = new Provider(server.issuer, configuration());
    provider.on('grant.revoked', () => server.#revocations++);
    provider.on('server_error', (_context, error) => console.error(error));
    const handle = provider.callback();
    http.on('request', (request: IncomingMessage, response) => {
      if (request.method === 'POST' && request.url === '/token') server.#posts.push(clock());
      void handle(request, response);
    });
    return server;
  }

  /** Counts from now on. */
  watch(): () => Seen {
    const { length } = this.#posts;
    const before = this.#revocations;
    return () => ({ posts: this.#posts.slice(length), revocations: this.#revocations - before });
  }

  stop(): void {
    this.#http.close();
    this.#http.closeAllConnections();
  }
}

function configuration(): object {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  return {
    clients: [
      {
        client_id: CLIENT_ID,
        application_type: 'native', // so that the callback may be on any loopback port (RFC 8252)
        token_endpoint_auth_method: 'none',
        redirect_uris: [LOOPBACK_CALLBACK],
        grant_types: ['authorization_code', 'refresh_token'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    rotateRefreshToken: true,
    routes: { userinfo: '/userinfo' },
    jwks: { keys: [{ ...key, alg: 'ES256', use: 'sig', kid: 'demo' }] },
    cookies: { keys: [randomBytes(32).toString('hex')] },
  };
}

/** Its store in memory and its login page are for development, says the provider; so is a demo. All else it says is shown. */
function muteDevelopmentNotices(): void {
  for (const method of ['info', 'warn'] as const) {
    const print = console[method].bind(console);
    console[method] = (...words: unknown[]) => {
      if (!/oidc-provider (NOTICE|WARNING):/.test(String(words[0]))) print(...words);
    };
  }
}
