import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Broker, Codec, Flows } from '../../../src/index.js';
import { clock } from '../clock.js';
import type { Login, OAuthClient, Tokens } from '../oauth-client.js';
import type { BegunLogin, Orders, Tell, Woken } from './orders.js';

/** Logins by authorization code and PKCE: begun on one replica, finished on the one where the browser comes back. */
export class Logins implements Pick<Orders, 'beginLogin' | 'waitForLogin' | 'serveCallback'> {
  readonly #broker: Broker;
  readonly #logins: Flows<Tokens, Login>;
  readonly #exchanges: Flows<Tokens>;
  readonly #client: OAuthClient;
  readonly #tell: Tell;

  constructor(broker: Broker, codec: Codec, client: OAuthClient, tell: Tell) {
    this.#broker = broker;
    this.#logins = broker.define<Tokens, Login>('login', { timeoutMs: 60_000, codec });
    // A code is good for once: if its exchange is cut short, nobody may try again.
    this.#exchanges = broker.define<Tokens>('exchange', { maxAttempts: 1, codec });
    this.#client = client;
    this.#tell = tell;
  }

  async beginLogin(redirectUri: string): Promise<BegunLogin> {
    const login = this.#client.newLogin(redirectUri);
    await this.#logins.create(login.state, { metadata: login });
    return { state: login.state, url: await this.#client.authorizationUrl(login) };
  }

  async waitForLogin(state: string): Promise<Woken> {
    const { polls } = this.#broker.stats();
    const tokens = await this.#logins.wait(state);
    return { tokens, wokenAt: clock(), polls: this.#broker.stats().polls - polls };
  }

  async serveCallback(): Promise<string> {
    const server = createServer((request, response) => {
      this.#callback(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/callback`;
  }

  async #callback(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    const state = url.searchParams.get('state');
    const begun = state === null ? undefined : await this.#logins.get(state);
    if (!begun) {
      response.writeHead(404).end('no such login');
      return;
    }
    try {
      // However often the browser comes, and to whichever replica: one exchange.
      const tokens = await this.#exchanges.run(begun.id, ({ signal }) =>
        this.#client.exchange(url, begun.metadata, signal),
      );
      this.#tell('completing');
      const { verdict } = await this.#logins.complete(begun.id, tokens);
      response.end(verdict);
    } catch (error) {
      await this.#logins.fail(begun.id, error);
      throw error;
    }
  }
}
