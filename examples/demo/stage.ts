import type { AuthorizationServer } from './authorization-server.js';
import type { Fleet } from './fleet.js';
import type { OAuthClient, Tokens } from './oauth-client.js';
import type { Report } from './report.js';

/** What every scene plays on. */
export interface Stage {
  readonly report: Report;
  readonly server: AuthorizationServer;
  readonly fleet: Fleet;
  /** For the demo's own checks from outside the fleet. */
  readonly client: OAuthClient;
  /** Logs a new user in, through the server's own pages; the tokens are the first of their family. */
  readonly logIn: (user: string) => Promise<Tokens>;
}

export type Scene = (stage: Stage) => Promise<void>;
