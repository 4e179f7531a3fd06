// npm run recipe bullmq: requests wait on two replicas of an API for what workers do in other processes.
import { join } from 'node:path';
import { play } from '../show/play.js';

play(async (show) => {
  const startWorker = (name: string) => show.start(join(__dirname, 'worker'), { NAME: name });
  const first = startWorker('first');
  const apis = [show.start(join(__dirname, 'api')), show.start(join(__dirname, 'api'))];
  const [A = '', B = ''] = await Promise.all(apis.map((api) => api.url()));
  await first.prints(/^ready$/);

  const answer = async (response: Promise<Response>): Promise<string> =>
    `${String((await response).status)} ${await (await response).text()}`;
  const post = (api: string, id: string, page: string): Promise<string> =>
    answer(fetch(`${api}/renders/${id}?page=${page}`, { method: 'POST' }));

  show.say('A request that waits for a worker');
  show.say(`  A:  ${await post(A, 'r1', 'home')}`);

  show.say('The same render, asked of both replicas at the same moment, and again later');
  const answers = await Promise.all([A, B, A, B].map((api) => post(api, 'r2', 'about')));
  answers.push(await post(B, 'r2', 'about'), await answer(fetch(`${A}/renders/r2`)));
  show.say(`  ${String(answers.length)} answers, all alike: ${String(new Set(answers).size === 1)}`);
  show.say(`  jobs worked: ${String(first.printed.filter((line) => line.includes('about')).length)}`);

  show.say('A job that fails twice, and is tried again');
  show.say(`  A:  ${await post(A, 'r3', 'flaky')}`);

  show.say('A job that fails for good');
  const failed = [post(A, 'r4', 'broken'), post(B, 'r4', 'broken')];
  show.say(`  A:  ${await Promise.race(failed)}`);
  show.say(`  B:  ${(await Promise.all(failed))[1] ?? ''}`);

  show.say(
    'A worker that is killed in the middle: BullMQ gives the job to another, and the request still has its answer',
  );
  const waiting = post(B, 'r5', 'large');
  await first.prints(/^rendering large/);
  startWorker('second');
  await first.kill();
  show.say(`  B:  ${await waiting}`);
});
