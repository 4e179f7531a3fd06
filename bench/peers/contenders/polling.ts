import { setTimeout as sleep } from 'node:timers/promises';
import KeyvRedis from '@keyv/redis';
import Keyv from 'keyv';
import type { Connect } from '../contender.js';

const LOOK_AGAIN_MS = 250;
const POLL_MS = 2_000;
const KEPT_MS = 300_000;

interface State {
  readonly status: 'PENDING' | 'COMPLETED';
  readonly result?: string;
}

/** A manager of flows as it is found in the wild, over Keyv: get, 250 ms, get, set; then a look every two seconds. */
export const connect: Connect = async (url) => {
  const keyv = new Keyv<State>(new KeyvRedis<State>(url), { namespace: 'flows', ttl: KEPT_MS });
  const polls = new Set<NodeJS.Timeout>();

  const begin = async (id: string): Promise<State | undefined> => {
    let found = await keyv.get(id);
    if (found) return found;
    await sleep(LOOK_AGAIN_MS);
    found = await keyv.get(id);
    if (found) return found;
    await keyv.set(id, { status: 'PENDING' });
    return undefined;
  };
  const outcomeOf = (id: string): Promise<string> =>
    new Promise((resolve) => {
      const poll = setInterval(() => {
        void keyv.get(id).then((state) => {
          if (state?.status !== 'COMPLETED') return;
          clearInterval(poll);
          polls.delete(poll);
          resolve(state.result ?? '');
        });
      }, POLL_MS);
      polls.add(poll);
    });
  const complete = async (id: string, payload: () => string): Promise<void> => {
    const state = await keyv.get(id);
    await keyv.set(id, { ...state, status: 'COMPLETED', result: payload() });
  };

  return {
    async open(id) {
      await begin(id);
      return { outcome: outcomeOf(id) };
    },
    complete,
    async once(id, work) {
      const found = await begin(id);
      if (found?.status === 'COMPLETED') return found.result ?? '';
      if (found) return outcomeOf(id);
      const result = await work();
      await complete(id, () => result);
      return result;
    },
    async close() {
      for (const poll of polls) clearInterval(poll);
      await keyv.disconnect();
    },
  };
};
