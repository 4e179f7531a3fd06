import type { ReadVerdict, Reply } from '../../../src/contract/replies.js';
import { Rereads } from '../../../src/waiters/rereads.js';
import { Watch, type Cause, type Waiter } from '../../../src/waiters/watch.js';

const WAITER: Waiter = { origin: 1, boundAt: 0, followsLease: false, end: () => undefined };
const REPLY: Reply<ReadVerdict> = { verdict: 'found', now: 1, record: undefined };
const settle = () => new Promise(setImmediate);

function bed() {
  const pending = new Map<string, { resolve(): void; reject(error: Error): void }>();
  const reads: string[] = [];
  const seen: string[] = [];
  const rereads = new Rereads({
    laneOf: () => '',
    read: ({ id }) => {
      reads.push(id);
      return new Promise((resolve, reject) => {
        pending.set(id, {
          resolve: () => {
            resolve(REPLY);
          },
          reject,
        });
      });
    },
    observed: (watch, _reply, cause) => seen.push(`${watch.flow.id} ${cause}`),
    failed: (watch, error) => seen.push(`${watch.flow.id} failed: ${error.message}`),
  });
  const watch = (id: string): Watch => {
    const made = new Watch({ type: 't', id }, `flow:{t:${id}}`, () => undefined);
    made.waiters.add(WAITER);
    return made;
  };
  const answer = async (id: string): Promise<void> => {
    pending.get(id)!.resolve();
    await settle();
  };
  return { rereads, reads, seen, watch, answer, pending };
}

it('reads and tells what it found, and why it looked', async () => {
  const { rereads, seen, watch, answer } = bed();
  rereads.request(watch('a'), 'poll');
  await answer('a');
  expect(seen).toEqual(['a poll']);
});

const turns = async (): Promise<void> => {
  for (let at = 0; at < 10; at++) await settle();
};

it('sends so many in a turn of the event loop, and the rest in the next ones', async () => {
  const { rereads, reads, watch } = bed();
  for (let at = 0; at < 100; at++) rereads.request(watch(`w${String(at)}`), 'poll');
  expect(reads).toHaveLength(32);
  await settle();
  expect(reads).toHaveLength(64);
  await turns();
  expect(reads).toHaveLength(100);
});

it('reads once for any number of requests before the read began', async () => {
  const { rereads, reads, watch } = bed();
  for (let at = 0; at < 256; at++) rereads.request(watch(`w${String(at)}`), 'poll');
  await turns();
  const late = watch('late');
  for (let at = 0; at < 5; at++) rereads.request(late, 'message');
  expect(reads).toHaveLength(256);
  expect(reads).not.toContain('late');
});

it('reads once more, and only once, for what happened during a read', async () => {
  const { rereads, reads, seen, watch, answer } = bed();
  const one = watch('a');
  rereads.request(one, 'poll');
  for (const cause of ['message', 'hint', 'message'] as Cause[]) rereads.request(one, cause);
  expect(reads).toEqual(['a']);
  await answer('a');
  expect(reads).toEqual(['a', 'a']);
  await answer('a');
  expect(seen).toEqual(['a poll', 'a message']);
  expect(reads).toEqual(['a', 'a']);
});

it('does not read again what nobody waits for any more', async () => {
  const { rereads, reads, watch, answer } = bed();
  const one = watch('a');
  rereads.request(one, 'poll');
  rereads.request(one, 'message');
  one.waiters.delete(WAITER);
  await answer('a');
  expect(reads).toEqual(['a']);
});

it('has at most 256 reads under way, and begins the next as each is answered', async () => {
  const { rereads, reads, watch, answer } = bed();
  for (let at = 0; at < 300; at++) rereads.request(watch(String(at)), 'restored');
  await turns();
  expect(reads).toHaveLength(256);
  await answer('7');
  expect(reads).toHaveLength(257);
  await answer('256');
  expect(reads).toHaveLength(258);
});

it('drops what is queued for a watch that is gone', async () => {
  const { rereads, reads, watch, answer } = bed();
  for (let at = 0; at < 256; at++) rereads.request(watch(String(at)), 'poll');
  await turns();
  const gone = watch('gone');
  rereads.request(gone, 'poll');
  rereads.drop(gone);
  await answer('0');
  expect(reads).not.toContain('gone');
});

it('tells of a read that failed, and goes on with the others', async () => {
  const { rereads, seen, watch, answer, pending } = bed();
  rereads.request(watch('a'), 'poll');
  rereads.request(watch('b'), 'poll');
  pending.get('a')!.reject(new Error('down'));
  await answer('b');
  expect(seen).toEqual(['a failed: down', 'b poll']);
});

it('is idle when nothing is queued, under way or to be repeated', async () => {
  const { rereads, watch, answer, seen } = bed();
  await rereads.idle();
  const one = watch('a');
  rereads.request(one, 'poll');
  rereads.request(one, 'message');
  void rereads.idle().then(() => seen.push('idle'));
  await answer('a');
  expect(seen).toEqual(['a poll']);
  await answer('a');
  expect(seen).toEqual(['a poll', 'a message', 'idle']);
});
