// What the demo uses of oidc-provider, which ships no types of its own.
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export class Provider {
    constructor(issuer: string, configuration: object);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    on(event: 'grant.revoked', listener: (context: unknown, grantId: string) => void): this;
    on(event: 'grant.success', listener: (context: unknown) => void): this;
    on(
      event: 'grant.error',
      listener: (context: unknown, error: { error: string; error_detail?: string }) => void,
    ): this;
    on(event: 'server_error', listener: (context: unknown, error: Error) => void): this;
  }
}
