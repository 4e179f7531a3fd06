// npm run recipe rolling-deploy: replicas are stopped by SIGTERM while they work, and no caller goes without an answer.
import { join } from 'node:path';
import { play } from '../show/play.js';
import type { Replica } from '../show/replica.js';
import { Balancer } from './balancer.js';

const CALLERS = 10;

const answersOf = (answers: readonly unknown[]): string =>
  `${String(answers.length)} x ${[...new Set(answers.map((answer) => JSON.stringify(answer)))].join(' and ')}`;

play(async (show) => {
  const start = async (name: string, drainMs: number): Promise<{ replica: Replica; url: string }> => {
    const replica = show.start(join(__dirname, 'server'), { NAME: name, DRAIN_MS: String(drainMs) });
    return { replica, url: await replica.url() };
  };
  /** The same report is asked for on both, and would take so long on A, and so long on B. */
  const stopWhileWorking = async (id: string, takesMs: [number, number], drainMs: number): Promise<void> => {
    const [A, B] = await Promise.all([start('A', drainMs), start('B', drainMs)]);
    const balancer = new Balancer([A.url, B.url]);
    const callers: Promise<unknown>[] = [];
    for (const [at, { replica, url }] of [A, B].entries()) {
      const path = `/reports/${id}?ms=${String(takesMs[at])}`;
      for (let n = 0; n < CALLERS; n++) callers.push(balancer.get(path, url));
      await replica.prints(new RegExp(`^asked for ${id}`), CALLERS);
    }
    balancer.urls = [B.url];
    const exited = await A.replica.stop();
    show.say(`  A ended with:      ${String(exited[0])}`);
    show.say(`  answers:           ${answersOf(await Promise.all(callers))}`);
    show.say(`  asked again at B:  ${String(balancer.sentOn)}`);
    await B.replica.stop();
  };

  show.say('SIGTERM for A, whose work ends within the drain');
  await stopWhileWorking('short', [500, 500], 10_000);
  show.say('SIGTERM for A, whose work takes longer: B takes over, long before the lease of a minute ends');
  await stopWhileWorking('long', [60_000, 500], 200);

  show.say('Three replicas, replaced one after another under load');
  const replicas = await Promise.all(['1', '2', '3'].map((name) => start(name, 5_000)));
  const balancer = new Balancer(replicas.map(({ url }) => url));
  let deploying = true;
  let asked = 0;
  let answered = 0;
  const caller = async (): Promise<void> => {
    while (deploying) {
      await balancer.get(`/reports/r${String(asked++)}?ms=50`);
      answered++;
    }
  };
  const load = Promise.all(Array.from({ length: CALLERS }, caller));
  for (const old of replicas) {
    const young = await start('new', 5_000);
    balancer.urls = [...balancer.urls, young.url];
    await old.replica.stop();
    balancer.urls = balancer.urls.filter((url) => url !== old.url); // it learns of it late, as balancers do
  }
  deploying = false;
  await load;
  show.say(`  without an answer: ${String(asked - answered)}`);
});
