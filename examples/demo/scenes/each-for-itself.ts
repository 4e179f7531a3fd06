import { clock } from '../clock.js';
import { oauthErrorOf } from '../oauth-client.js';
import { ms, tail, words } from '../report.js';
import { BARRIER_MS } from '../settings.js';
import type { Scene } from '../stage.js';

/** What happens without coordination. */
export const eachForItself: Scene = async ({ report, server, fleet, client, logIn }) => {
  report.scene(
    'Eight replicas refresh one token, each for itself',
    [
      "Ada's access token has expired. All eight replicas notice at once, and each sends her",
      'refresh token. The server rotates refresh tokens, and takes one that comes twice as stolen.',
    ],
    "who is refused, and what the winner's new tokens are worth a moment later.",
  );
  const ada = await logIn('ada');
  const seen = server.watch();
  const answers = await fleet.askAll('refreshAlone', {
    refreshToken: ada.refreshToken,
    startAt: clock() + BARRIER_MS,
  });
  for (const { replica, value, code } of answers) {
    const won = value && `200 OK             new refresh token ${tail(value.refreshToken)}`;
    report.row(
      `replica ${replica.name}`,
      won ?? (code === 'invalid_grant' ? '400 invalid_grant' : (code ?? '')),
      won ? 'green' : 'red',
    );
  }
  const { posts, revocations } = seen();
  const within = Math.max(...posts) - Math.min(...posts);
  report.row('', `${String(posts.length)} POSTs arrived within ${ms(within)}`, 'dim');
  report.gap();

  const winners = answers.flatMap(({ value }) => value ?? []);
  const refused = answers.filter(({ code }) => code === 'invalid_grant').length;
  report.claim(
    winners.length > 0 && refused > 0 && winners.length + refused === answers.length,
    `${words(winners.length)} won, ${words(refused)} got invalid_grant`,
  );
  report.claim(revocations > 0, 'the server took it for theft, and revoked every token of this login');
  const next = await Promise.all(
    winners.map((tokens) => client.refresh(tokens.refreshToken).catch(oauthErrorOf)),
  );
  report.claim(
    next.every((outcome) => outcome === 'invalid_grant'),
    "even the winner's new refresh token is dead: its next refresh gets invalid_grant",
  );
  const statuses = await Promise.all(winners.map((tokens) => client.userinfo(tokens.accessToken)));
  report.claim(
    statuses.every((status) => status === 401),
    "and so is its access token: GET /userinfo answers 401. Ada is logged out, by nobody's fault",
  );
};
