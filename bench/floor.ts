import { Redis } from 'ioredis';

/**
 * What one would write by hand on ioredis for the same work: a key that is set if absent, then set when done, a message, and a
 * subscription for it; each step a command of its own, awaited.
 */
export class Floor {
  readonly #commands: Redis;
  readonly #listening: Redis;
  readonly #waiting = new Map<string, (message: string) => void>();

  constructor(url: string) {
    this.#commands = new Redis(url);
    this.#listening = new Redis(url);
    this.#listening.on('message', (channel, message) => {
      this.#waiting.get(channel)?.(message);
    });
  }

  async flow(id: string, payload: string): Promise<string> {
    const key = `floor:${id}`;
    const outcome = new Promise<string>((resolve) => {
      this.#waiting.set(key, resolve);
    });
    await this.#listening.subscribe(key);
    await this.#commands.set(key, '{"status":"PENDING"}', 'PX', 300_000, 'NX');
    await this.#commands.set(key, payload, 'PX', 300_000, 'XX');
    await this.#commands.publish(key, payload);
    const message = await outcome;
    this.#waiting.delete(key);
    await this.#listening.unsubscribe(key);
    return message;
  }

  get(key: string): Promise<string | null> {
    return this.#commands.get(key);
  }

  close(): void {
    this.#commands.disconnect();
    this.#listening.disconnect();
  }
}
