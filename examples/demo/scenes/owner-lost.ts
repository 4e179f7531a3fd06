import { clock } from '../clock.js';
import { oauthErrorOf } from '../oauth-client.js';
import { ms, words } from '../report.js';
import { BARRIER_MS, LEASE_MS, TAKEOVER_MARGIN_MS } from '../settings.js';
import type { Scene } from '../stage.js';
import { showGrouped } from './answers.js';

/** The owner dies with the only copy of the new tokens: for work that must not be repeated, nobody repeats it. */
export const ownerLost: Scene = async ({ report, server, fleet, client, logIn }) => {
  const limit = LEASE_MS + TAKEOVER_MARGIN_MS;
  report.scene(
    'The owner is killed after its POST, with maxAttempts: 1',
    [
      "Alonzo's turn. The server has answered, his old refresh token is used up, and the only copy of",
      'the new one dies with its owner. A second attempt would replay the old one: see scene 1.',
    ],
    'an honest error for everybody, and what a replay would have cost.',
  );
  const alonzo = await logIn('alonzo');
  const seen = server.watch();
  const posted = fleet.reaches('after the POST');
  const asked = fleet.askAll('refreshThroughRun', {
    user: 'alonzo',
    refreshToken: alonzo.refreshToken,
    startAt: clock() + BARRIER_MS,
    maxAttempts: 1,
    haltAt: 'after the POST',
  });
  const owner = (await posted).replica;
  const killedAt = owner.kill();
  report.row('0 ms', `SIGKILL to replica ${owner.name}, which has the new tokens and has told nobody`, 'red');
  const answers = await asked;
  const after = clock() - killedAt;
  report.row(ms(after), 'all the others know');
  report.gap();
  showGrouped(report, answers);
  report.gap();

  const told = answers.filter(({ code }) => code === 'ERR_FLOW_OWNER_LOST').length;
  const { posts, revocations } = seen();
  report.claim(
    told === answers.length - 1,
    `${words(told)} of ${words(answers.length - 1)} got ERR_FLOW_OWNER_LOST: log in again, says the service`,
  );
  report.claim(
    after <= limit,
    `after ${ms(after)}: within the lease + ${ms(TAKEOVER_MARGIN_MS)} = ${ms(limit)}`,
  );
  report.claim(
    posts.length === 1,
    `nobody sent the used token again: the server counted ${String(posts.length)} POST`,
  );
  const alive = await client.userinfo(alonzo.accessToken);
  report.claim(
    revocations === 0 && alive === 200,
    `the token family lives: with his access token, GET /userinfo answers ${String(alive)}`,
  );

  const replay = await client.refresh(alonzo.refreshToken).then(() => 'accepted', oauthErrorOf);
  const dead = await client.userinfo(alonzo.accessToken);
  report.claim(
    replay === 'invalid_grant' && dead === 401,
    `for comparison, the replay: ${replay ?? 'unexpected'}, and GET /userinfo answers ${String(dead)}. All revoked`,
  );
};
