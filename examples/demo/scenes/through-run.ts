import { clock } from '../clock.js';
import { words } from '../report.js';
import { BARRIER_MS } from '../settings.js';
import type { Scene } from '../stage.js';
import { allEqual, showEach, type Answers } from './answers.js';

/** The same through `run`, and once more with tokens that a server refused. */
export const throughRun: Scene = async ({ report, server, fleet, client, logIn }) => {
  report.scene(
    'The same through run()',
    [
      "Grace's turn. Again all eight replicas refresh at once, but each calls",
      "refreshes.run('grace', ({ signal }) => client.refresh(token, signal)).",
    ],
    'one POST instead of eight, and the same token in all eight rows.',
  );
  const grace = await logIn('grace');
  const seen = server.watch();
  const first = await fleet.askAll('refreshThroughRun', {
    user: 'grace',
    refreshToken: grace.refreshToken,
    startAt: clock() + BARRIER_MS,
  });
  showEach(report, first);
  report.gap();
  const tokens = first.flatMap(({ value }) => value ?? []);
  const { posts } = seen();
  report.claim(posts.length === 1, `one POST /token: the server counted ${String(posts.length)}`);
  report.claim(tokens.length === first.length && allEqual(first), `${words(first.length)} equal results`);

  // Each now says: these tokens were refused, get me others. Who rejects the same fence shares one new attempt.
  const [rejected] = tokens;
  if (!rejected) return;
  const second = await fleet.askAll('refreshThroughRun', {
    user: 'grace',
    refreshToken: rejected.tokens.refreshToken,
    rejectFence: rejected.fence,
    startAt: clock() + BARRIER_MS,
  });
  const renewed = second.flatMap(({ value }) => value ?? []);
  report.claim(
    seen().posts.length === 2 &&
      renewed.length === first.length &&
      allEqual(second) &&
      !sameTokens(first, second),
    'the next refresh works: all reject those tokens (rejectFence), one more POST, eight new',
  );
  const [latest] = renewed;
  const status = latest ? await client.userinfo(latest.tokens.accessToken) : 0;
  report.claim(
    seen().revocations === 0 && status === 200,
    `nothing was revoked: GET /userinfo answers ${String(status)}. Grace never notices`,
  );
};

function sameTokens(some: Answers, others: Answers): boolean {
  return some[0]?.value?.tokens.refreshToken === others[0]?.value?.tokens.refreshToken;
}
