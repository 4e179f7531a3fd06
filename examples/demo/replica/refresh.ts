import { setTimeout as delay } from 'node:timers/promises';
import type { Broker, Codec, Flows } from '../../../src/index.js';
import { clock } from '../clock.js';
import { LEASE_MS } from '../settings.js';
import type { OAuthClient, Tokens } from '../oauth-client.js';
import type { Orders, Refreshed, RefreshOrder, StartingOrder, Tell } from './orders.js';

/** A user's tokens, renewed in the two ways that the demo compares. */
export class Refreshes implements Pick<Orders, 'refreshAlone' | 'refreshThroughRun'> {
  readonly #flows: Flows<Tokens>;
  readonly #client: OAuthClient;
  readonly #tell: Tell;

  constructor(broker: Broker, codec: Codec, client: OAuthClient, tell: Tell) {
    this.#flows = broker.define<Tokens>('refresh', {
      leaseMs: LEASE_MS,
      timeoutMs: 30_000,
      freshUntil: (tokens) => tokens.expiresAt,
      codec,
    });
    this.#client = client;
    this.#tell = tell;
  }

  async refreshAlone({ refreshToken, startAt }: StartingOrder): Promise<Tokens> {
    await until(startAt);
    return this.#client.refresh(refreshToken);
  }

  async refreshThroughRun(order: RefreshOrder): Promise<Refreshed> {
    const { user, refreshToken, rejectFence, maxAttempts, haltAt, startAt } = order;
    let ran = false;
    await until(startAt);
    const { result, fence } = await this.#flows.runFenced(
      user,
      async ({ signal, attempt }) => {
        ran = true;
        this.#tell('before the POST', attempt);
        if (haltAt === 'before the POST' && attempt === 1) await forever();
        const tokens = await this.#client.refresh(refreshToken, signal);
        this.#tell('after the POST', attempt);
        if (haltAt === 'after the POST' && attempt === 1) await forever();
        return tokens;
      },
      { rejectFence, maxAttempts },
    );
    return { tokens: result, fence, ran };
  }
}

function until(instant: number): Promise<void> {
  return delay(Math.max(0, instant - clock()));
}

function forever(): Promise<never> {
  return new Promise(() => undefined);
}
