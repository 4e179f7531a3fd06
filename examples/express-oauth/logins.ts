import { FlowError, type Broker, type Codec, type Flows, type SettleResult } from 'flowbroker';
import type { Login, OAuthClient, Tokens } from '../demo/oauth-client.js';

/** What a callback came to. */
export type Finished = 'logged in' | 'already logged in' | 'refused' | 'unknown' | 'replaced';

/** How an exchange ends that must not be tried again. */
const FINAL = new Set<string>(['ERR_FLOW_FAILED', 'ERR_FLOW_OWNER_LOST', 'ERR_FLOW_TIMED_OUT']);

/**
 * Logins by authorization code and PKCE, one at a time for each browser session: begun on any replica, awaited on any, finished on the
 * one that the browser is sent back to.
 */
export class Logins {
  readonly #logins: Flows<Tokens, Login>;
  readonly #exchanges: Flows<Tokens>;
  readonly #client: OAuthClient;

  constructor(broker: Broker, codec: Codec, client: OAuthClient) {
    this.#client = client;
    // Ten minutes for the user; the verifier waits in Redis as metadata. A login that is over is never joined, but replaced.
    this.#logins = broker.define<Tokens, Login>('login', { timeoutMs: 600_000, reuse: [], codec });
    // A code is good for once, and a second use revokes what the first one gave: one attempt, whose failure is handed back too.
    this.#exchanges = broker.define<Tokens>('exchange', {
      timeoutMs: 30_000,
      retentionMs: 600_000,
      maxAttempts: 1,
      reuse: ['COMPLETED', 'FAILED', 'TIMED_OUT'],
      codec,
    });
  }

  /** Where to send the browser. A second tab joins the login that the first has begun, on whichever replica. */
  async begin(session: string, redirectUri: string): Promise<string> {
    const { record } = await this.#logins.create(session, { metadata: this.#client.newLogin(redirectUri) });
    return this.#client.authorizationUrl(record.metadata);
  }

  /** The tokens, once the login is done; rejects as `wait` does. */
  outcome(session: string, signal: AbortSignal, timeoutMs: number): Promise<Tokens> {
    return this.#logins.wait(session, { signal, timeoutMs });
  }

  /** The browser is back. However often it comes, and to whichever replica, the code is exchanged once. */
  async finish(session: string, callback: URL): Promise<Finished> {
    const login = await this.#logins.get(session);
    if (!login) return 'unknown';
    // The state belongs to this session's newest login, or it is somebody else's link (RFC 9700, 4.7), or an old tab's.
    if (callback.searchParams.get('state') !== login.metadata.state) return 'replaced';
    const { fence } = login;
    const refused = callback.searchParams.get('error');
    if (refused !== null) return finishedBy(await this.#logins.fail(session, new Error(refused), { fence }));
    try {
      const tokens = await this.#exchanges.run(login.metadata.state, ({ signal }) =>
        this.#client.exchange(callback, login.metadata, signal),
      );
      // Here they go into the session store, before whoever waits is told.
      return finishedBy(await this.#logins.complete(session, tokens, { fence }));
    } catch (error) {
      // Redis away or a replica that stops says nothing of the login: the browser may try again.
      if (!(error instanceof FlowError && FINAL.has(error.code))) throw error;
      return finishedBy(await this.#logins.fail(session, error.cause ?? error, { fence }));
    }
  }
}

/** How the login stands now, whoever settled it: a login that is done stays done, whatever an old tab brings. */
function finishedBy({ verdict, record }: SettleResult<Tokens, Login>): Finished {
  if (verdict === 'not_found' || verdict === 'superseded') return 'replaced';
  if (record.status !== 'COMPLETED') return 'refused';
  return verdict === 'applied' ? 'logged in' : 'already logged in';
}
