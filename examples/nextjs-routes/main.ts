// npm run recipe nextjs-routes: the route files of a Next.js app on two instances, one of which is edited while a request waits.
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { play } from '../show/play.js';

play(async (show) => {
  const start = (): Promise<string> => show.start(join(__dirname, 'serve')).url();
  const [A, B] = await Promise.all([start(), start()]);
  const answer = async (response: Promise<Response>): Promise<string> =>
    `${String((await response).status)} ${await (await response).text()}`;
  const get = (instance: string, path: string): Promise<string> => answer(fetch(instance + path));
  const post = (instance: string, path: string, body: unknown): Promise<Response> =>
    fetch(instance + path, { method: 'POST', body: JSON.stringify(body) });
  const create = async (amount: number): Promise<string> => {
    const response = await post(A, '/api/approvals', { amount });
    return response.headers.get('location') ?? '';
  };

  show.say('An approval that is awaited on A and decided on B');
  const approval = await create(120);
  const waiting = get(A, approval);
  show.say(`  B, POST:  ${await answer(post(B, approval, { by: 'ada' }))}`);
  show.say(`  A, GET:   ${await waiting}`);
  show.say(`  A, POST:  ${await answer(post(A, approval, { by: 'bob', refused: 'too much' }))}`);

  show.say('One that is refused');
  const refused = await create(5_000);
  await post(A, refused, { by: 'bob', refused: 'too much' });
  show.say(`  B, GET:   ${await get(B, refused)}`);

  show.say('Ten requests for a report, five on each instance');
  const reports = await Promise.all(
    [A, B].flatMap((at) => Array.from({ length: 5 }, () => get(at, '/api/reports/q3'))),
  );
  show.say(`  answers:  ${[...new Set(reports)].join(' and ')}`);

  show.say('A is edited five times while a request waits there');
  const redis = new Redis(show.redisUrl);
  show.atEnd(() => redis.disconnect());
  const connections = async (): Promise<number> =>
    Number(/connected_clients:(\d+)/.exec(await redis.info('clients'))?.[1]);
  const pending = await create(80);
  const through = get(A, pending);
  const before = await connections();
  for (let edit = 0; edit < 5; edit++) {
    await post(A, '/edited', {});
    await get(A, '/api/reports/q3');
  }
  show.say(`  connections to Redis, more than before:  ${String((await connections()) - before)}`);
  await post(B, pending, { by: 'eve' });
  show.say(`  A, GET:   ${await through}`);
});
