// npm run recipe express-oauth: two replicas, a real authorization server, and a browser that never comes back to where it began.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AuthorizationServer } from '../demo/authorization-server.js';
import { play } from '../show/play.js';
import { Browser, type Answer } from './browser.js';

const said = ({ status, body }: Answer): string => `${String(status)} ${JSON.stringify(body)}`;

play(async (show) => {
  const provider = await AuthorizationServer.start();
  show.atEnd(() => provider.stop());
  const env = { ISSUER: provider.issuer, FLOW_KEY: randomBytes(32).toString('base64') };
  const B = await show.start(join(__dirname, 'server'), env).url();
  const callbackUrl = `${B}/callback`;
  const A = await show.start(join(__dirname, 'server'), { ...env, CALLBACK_URL: callbackUrl }).url();

  show.say('A login that is begun on A, while the callback reaches B');
  const ada = new Browser(callbackUrl);
  let seen = provider.watch();
  const sentTo = await ada.begin(A);
  const waiting = ada.outcome(A);
  const back = await ada.logIn(sentTo, 'ada');
  show.say(`  B, callback:       ${said(await ada.callback(back, B))}`);
  show.say(`  A, which waited:   ${said(await waiting)}`);
  show.say(`  codes exchanged:   ${String(seen().posts.length)}`);

  show.say('The same callback again, twice on each replica');
  const again = await Promise.all([A, B, A, B].map((replica) => ada.callback(back, replica)));
  show.say(`  every answer:      ${[...new Set(again.map(said))].join(' and ')}`);
  show.say(`  codes exchanged:   ${String(seen().posts.length)}`);
  show.say(`  logins revoked:    ${String(seen().revocations)}`);

  show.say('Two tabs of one browser, one on each replica, both logged in, back at the same moment');
  const bob = new Browser(callbackUrl);
  seen = provider.watch();
  const tabs = [
    { url: await bob.begin(A), backAt: B },
    { url: await bob.begin(B), backAt: A },
  ];
  const waits = [bob.outcome(A), bob.outcome(B)];
  const backs = await Promise.all(
    tabs.map(async ({ url, backAt }) => ({ url: await bob.logIn(url, 'bob'), backAt })),
  );
  const answers = await Promise.all(backs.map(({ url, backAt }) => bob.callback(url, backAt)));
  show.say(`  callbacks:         ${answers.map(said).sort().join(', ')}`);
  show.say(`  both that waited:  ${(await Promise.all(waits)).map(said).join(', ')}`);
  show.say(`  codes exchanged:   ${String(seen().posts.length)} of 2`);

  show.say('A login that the user declines');
  const eve = new Browser(callbackUrl);
  const declined = new URL(await eve.begin(A));
  const outcome = eve.outcome(A);
  const state = declined.searchParams.get('state') ?? '';
  const refusal = new URL(
    `${callbackUrl}?${new URLSearchParams({ error: 'access_denied', state }).toString()}`,
  );
  show.say(`  B, callback:       ${said(await eve.callback(refusal, B))}`);
  show.say(`  A, which waited:   ${said(await outcome)}`);

  show.say("Ada's callback, opened by somebody else");
  show.say(`  B, callback:       ${said(await eve.callback(back, B))}`);
});
