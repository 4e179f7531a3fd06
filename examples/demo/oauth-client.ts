import * as oauth from 'oauth4webapi';

export const CLIENT_ID = 'demo';
/** Registered; the server takes any port of the loopback address for it. */
export const LOOPBACK_CALLBACK = 'http://127.0.0.1/callback';

// eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out: the demo's server is on loopback
const HTTP = { [oauth.allowInsecureRequests]: true };

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A login that has been begun: what the callback will need. */
export interface Login {
  readonly state: string;
  readonly verifier: string;
  readonly redirectUri: string;
}

/** The OAuth side of the service, on oauth4webapi: a public client with PKCE. Knows nothing of flows. */
export class OAuthClient {
  readonly #server: oauth.AuthorizationServer;
  readonly #client: oauth.Client = { client_id: CLIENT_ID, id_token_signed_response_alg: 'ES256' };

  private constructor(server: oauth.AuthorizationServer) {
    this.#server = server;
  }

  static async discover(issuer: string): Promise<OAuthClient> {
    const url = new URL(issuer);
    const response = await oauth.discoveryRequest(url, HTTP);
    return new OAuthClient(await oauth.processDiscoveryResponse(url, response));
  }

  newLogin(redirectUri: string): Login {
    return { state: oauth.generateRandomState(), verifier: oauth.generateRandomCodeVerifier(), redirectUri };
  }

  /** Where to send the user's browser. */
  async authorizationUrl({ state, verifier, redirectUri }: Login): Promise<string> {
    const url = new URL(this.#server.authorization_endpoint ?? '');
    url.search = new URLSearchParams({
      client_id: CLIENT_ID,
      response_type: 'code',
      redirect_uri: redirectUri,
      scope: 'openid offline_access',
      prompt: 'consent',
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    }).toString();
    return url.href;
  }

  /** Trades the code in the callback's URL for tokens. A code is good for once: the server takes a second use for theft. */
  async exchange(callback: URL, login: Login, signal?: AbortSignal): Promise<Tokens> {
    const params = oauth.validateAuthResponse(this.#server, this.#client, callback, login.state);
    const response = await oauth.authorizationCodeGrantRequest(
      this.#server,
      this.#client,
      oauth.None(),
      params,
      login.redirectUri,
      login.verifier,
      { ...HTTP, ...(signal ? { signal } : {}) },
    );
    return tokensOf(await oauth.processAuthorizationCodeResponse(this.#server, this.#client, response));
  }

  /** Trades a refresh token for new tokens; it is then used up, and the server takes a second use for theft. */
  async refresh(refreshToken: string, signal?: AbortSignal): Promise<Tokens> {
    const response = await oauth.refreshTokenGrantRequest(
      this.#server,
      this.#client,
      oauth.None(),
      refreshToken,
      { ...HTTP, ...(signal ? { signal } : {}) },
    );
    return tokensOf(await oauth.processRefreshTokenResponse(this.#server, this.#client, response));
  }

  /** The status of GET /userinfo: 200 for a live access token, 401 for one whose login was revoked. */
  async userinfo(accessToken: string): Promise<number> {
    const response = await oauth.userInfoRequest(this.#server, this.#client, accessToken, HTTP);
    await response.body?.cancel();
    return response.status;
  }
}

/** `invalid_grant` and the like, where an OAuth server refused; undefined for any other error. */
export function oauthErrorOf(error: unknown): string | undefined {
  return error instanceof oauth.ResponseBodyError ? error.error : undefined;
}

function tokensOf(response: oauth.TokenEndpointResponse): Tokens {
  const { access_token, refresh_token, expires_in } = response;
  if (!refresh_token) throw new Error('the authorization server gave no refresh token');
  return {
    accessToken: access_token,
    refreshToken: refresh_token,
    expiresAt: Date.now() + (expires_in ?? 60) * 1_000,
  };
}
