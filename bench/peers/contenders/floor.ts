import { Redis } from 'ioredis';
import type { Connect } from '../contender.js';

const KEPT_MS = 300_000;
const LOCKED_MS = 30_000;
const UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/** What one would write by hand on ioredis: a key, a message and a subscription; each step a command of its own, awaited. */
export const connect: Connect = async (url) => {
  const commands = new Redis(url);
  const listening = new Redis(url);
  const waiting = new Map<string, Set<(message: string) => void>>();
  listening.on('message', (channel: string, message: string) => {
    for (const hear of waiting.get(channel) ?? []) hear(message);
  });

  const listen = async (
    channel: string,
    hear: (message: string) => void,
  ): Promise<() => Promise<unknown>> => {
    const hearing = waiting.get(channel) ?? new Set();
    waiting.set(channel, hearing.add(hear));
    await listening.subscribe(channel);
    return async () => {
      hearing.delete(hear);
      if (hearing.size > 0 || !waiting.delete(channel)) return;
      await listening.unsubscribe(channel);
    };
  };
  const heard = async (key: string) => {
    const { promise, resolve } = withResolvers<string>();
    const leave = await listen(key, resolve);
    return { outcome: promise, left: promise.then(leave), give: resolve };
  };

  return {
    async open(id) {
      const key = `floor:${id}`;
      const opened = await heard(key);
      await commands.set(key, '{"status":"PENDING"}', 'PX', KEPT_MS, 'NX');
      return opened;
    },
    async complete(id, payload) {
      const key = `floor:${id}`;
      const text = payload();
      await commands.set(key, text, 'PX', KEPT_MS, 'XX');
      await commands.publish(key, text);
    },
    async once(id, work) {
      const key = `floor:once:${id}`;
      if (await commands.set(key, '', 'PX', KEPT_MS, 'NX')) {
        const answer = await work();
        await commands.set(key, answer, 'PX', KEPT_MS);
        await commands.publish(key, answer);
        return answer;
      }
      const { outcome, left, give } = await heard(key);
      const already = await commands.get(key);
      if (already) give(already);
      const answer = await outcome;
      await left;
      return answer;
    },
    async exclusive(name, work) {
      const key = `floor:lock:${name}`;
      const token = `${process.pid}-${Math.random()}`;
      let wake = (): void => undefined;
      const leave = await listen(key, () => wake());
      for (;;) {
        const freed = new Promise<void>((resolve) => (wake = resolve));
        if (await commands.set(key, token, 'PX', LOCKED_MS, 'NX')) break;
        await freed;
      }
      const had = await work();
      await commands.eval(UNLOCK, 1, key, token);
      await commands.publish(key, 'free');
      await leave();
      return had;
    },
    async close() {
      commands.disconnect();
      listening.disconnect();
    },
  };
};

function withResolvers<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((given) => (resolve = given));
  return { promise, resolve };
}
