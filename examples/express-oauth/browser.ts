import { UserAgent } from '../demo/user-agent.js';

/** What a replica answered. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A user's browser with one session at the service. It may have several tabs; each is a method called once more. */
export class Browser {
  readonly #callbackUrl: string;
  #cookie = '';

  constructor(callbackUrl: string) {
    this.#callbackUrl = callbackUrl;
  }

  /** The id of its session at the service. */
  get session(): string {
    return this.#cookie.replace('sid=', '');
  }

  /** Presses "log in" on a replica; where it is sent. */
  async begin(replica: string): Promise<string> {
    const response = await this.#fetch(new URL('/login', replica), 'POST');
    this.#cookie ||= response.headers.get('set-cookie')?.split(';')[0] ?? '';
    return response.headers.get('location') ?? '';
  }

  /** Logs in at the provider; the URL that it is sent back to, which is not opened yet. */
  logIn(authorizationUrl: string, user: string): Promise<URL> {
    return new UserAgent().logIn(authorizationUrl, user, this.#callbackUrl);
  }

  /** Opens the callback, on the replica that the load balancer has picked. */
  callback(url: URL, replica: string): Promise<Answer> {
    return this.#answer(this.#fetch(new URL(url.pathname + url.search, replica)));
  }

  /** Waits on a replica until the login is done. */
  outcome(replica: string): Promise<Answer> {
    return this.#answer(this.#fetch(new URL('/login', replica)));
  }

  async #answer(response: Promise<Response>): Promise<Answer> {
    const { status, json } = await response.then((r) => ({ status: r.status, json: r.json() }));
    return { status, body: await json };
  }

  #fetch(url: URL, method = 'GET'): Promise<Response> {
    return fetch(url, { method, redirect: 'manual', headers: { cookie: this.#cookie } });
  }
}
