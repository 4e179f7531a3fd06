import { Redis } from 'ioredis';
import { startRedis } from './server.js';

export interface AcquiredRedis {
  readonly url: string;
  /** Whether it is somebody else's server (REDIS_URL): use a prefix, and leave nothing behind. */
  readonly external: boolean;
  stop(): Promise<void>;
}

/** The server in REDIS_URL if set, else one started for this process. Rejects if REDIS_URL does not answer. */
export async function acquireRedis(): Promise<AcquiredRedis> {
  const url = process.env.REDIS_URL;
  if (url) {
    await ping(url);
    return { url, external: true, stop: () => Promise.resolve() };
  }
  const server = await startRedis();
  return { url: server.url, external: false, stop: () => server.stop() };
}

async function ping(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5_000,
    disconnectTimeout: 100,
    commandTimeout: 5_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let why = '';
  client.on('error', (error: Error) => {
    why = error.message;
  });
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    const reason = why || (error instanceof Error ? error.message : String(error));
    throw new Error(`REDIS_URL is set, but the server at ${withoutSecrets(url)} does not answer: ${reason}`, {
      cause: error,
    });
  } finally {
    client.disconnect();
  }
}

function withoutSecrets(url: string): string {
  try {
    const { protocol, host } = new URL(url);
    return `${protocol}//${host}`;
  } catch {
    return '(not a URL)';
  }
}
