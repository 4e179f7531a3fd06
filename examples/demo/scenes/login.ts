import { ms, tail } from '../report.js';
import { POLL_MS } from '../settings.js';
import type { Scene } from '../stage.js';
import { UserAgent } from '../user-agent.js';

/** A login that is begun, waited for and finished on four different replicas. */
export const login: Scene = async ({ report, server, fleet, client }) => {
  report.scene(
    'A login that touches four replicas',
    [
      'Alan logs in with an authorization code and PKCE. A begins, B and C wait for it; the browser',
      'comes back to D, and comes twice, as browsers and proxies do. D knows only Redis.',
    ],
    'one code exchange for two callbacks, and how long B and C sleep on after it.',
  );
  const [a, b, c, d] = fleet.replicas;
  if (!a || !b || !c || !d) throw new Error('a replica is missing');
  const seen = server.watch();

  const redirectUri = await d.ask('serveCallback');
  const { state, url } = await a.ask('beginLogin', redirectUri);
  report.row('replica A', 'create(state, { metadata: verifier }); sends the browser to the login page');
  const waiters = Promise.all([b, c].map((replica) => replica.ask('waitForLogin', state)));
  report.row('replicas B, C', 'wait(state)');

  const browser = new UserAgent();
  const callback = await browser.logIn(url, 'alan', redirectUri);
  report.row('browser', `login page, consent page, redirects: ${String(browser.requests)} requests`);
  const completing = fleet.reaches('completing');
  const verdicts = await Promise.all([comeBack(callback), comeBack(callback)]);
  report.row('browser', 'GET /callback?code=…&state=… to replica D, twice at the same time');
  report.row('replica D', `exchanged the code; complete(): ${verdicts.sort().reverse().join(' and ')}`);
  const woken = await waiters;
  const { at } = await completing;

  const late = woken.map(({ wokenAt }) => wokenAt - at);
  report.gap();
  for (const [index, name] of ['B', 'C'].entries()) {
    report.row(
      `replica ${name}`,
      `${bar(late[index] ?? 0)} woken ${ms(late[index] ?? 0)} after D called complete()`,
      'green',
    );
  }
  report.row(
    'a 2 s poll',
    `${bar(POLL_MS / 2)} ${ms(POLL_MS / 2)} on average, ${ms(POLL_MS)} at worst`,
    'dim',
  );
  report.gap();

  const exchanges = seen().posts.length;
  report.claim(
    exchanges === 1,
    `two callbacks, ${exchanges === 1 ? 'one code exchange' : `${String(exchanges)} exchanges`}`,
  );
  report.claim(
    verdicts.includes('applied') && verdicts.includes('already_settled'),
    'the first callback completed the login, the second was told that it is done',
  );
  const [first, second] = woken;
  const status = first ? await client.userinfo(first.tokens.accessToken) : 0;
  report.claim(
    first?.tokens.refreshToken === second?.tokens.refreshToken && status === 200,
    `B and C hold the same tokens (${tail(first?.tokens.refreshToken ?? '')}), and they work: GET /userinfo answers ${String(status)}`,
  );
  report.claim(
    Math.max(...late) < POLL_MS / 10 && woken.every(({ polls }) => polls === 0),
    `both were woken within ${ms(Math.max(...late))}, and neither polled`,
  );
};

async function comeBack(callback: URL): Promise<string> {
  return (await fetch(callback)).text();
}

/** To scale: the whole width is the poll's average. */
function bar(duration: number): string {
  const width = 30;
  const filled = Math.max(1, Math.min(width, Math.round((duration / (POLL_MS / 2)) * width)));
  return '█'.repeat(filled).padEnd(width);
}
