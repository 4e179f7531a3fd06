import { clock } from '../clock.js';
import { ms, words } from '../report.js';
import { BARRIER_MS, LEASE_MS, TAKEOVER_MARGIN_MS } from '../settings.js';
import type { Scene } from '../stage.js';
import { allEqual, showGrouped } from './answers.js';

/** The owner dies before it did anything: another takes over. */
export const takeover: Scene = async ({ report, server, fleet, client, logIn }) => {
  const limit = LEASE_MS + TAKEOVER_MARGIN_MS;
  report.scene(
    'The owner is killed before its POST',
    [
      `Joan's turn. The replica that owns the flow holds it by a lease of ${ms(LEASE_MS)}, which it renews`,
      'while it works. It gets SIGKILL: it can release nothing, and tell nobody.',
    ],
    `when another takes over (at most the lease + ${ms(TAKEOVER_MARGIN_MS)}), and how many POSTs there are.`,
  );
  const joan = await logIn('joan');
  const seen = server.watch();
  const owning = fleet.reaches('before the POST');
  const asked = fleet.askAll('refreshThroughRun', {
    user: 'joan',
    refreshToken: joan.refreshToken,
    startAt: clock() + BARRIER_MS,
    haltAt: 'before the POST',
  });
  const owner = (await owning).replica;
  const takingOver = fleet.reaches('before the POST');
  const killedAt = owner.kill();
  report.row('0 ms', `SIGKILL to replica ${owner.name}, the owner, about to POST`, 'red');
  const successor = await takingOver;
  const after = successor.at - killedAt;
  report.row(
    ms(after),
    `replica ${successor.replica.name} takes over: attempt ${String(successor.attempt)}, and POSTs`,
    'green',
  );
  const answers = await asked;
  report.row(ms(clock() - killedAt), 'all have their tokens');
  report.gap();
  showGrouped(report, answers);
  report.gap();

  const tokens = answers.flatMap(({ value }) => value?.tokens ?? []);
  const { posts, revocations } = seen();
  report.claim(
    after <= limit,
    `taken over after ${ms(after)}: within the lease + ${ms(TAKEOVER_MARGIN_MS)} = ${ms(limit)}`,
  );
  report.claim(
    posts.length === 1 && successor.attempt === 2,
    `taken over once, with one POST /token: the server counted ${String(posts.length)}`,
  );
  report.claim(
    tokens.length === answers.length - 1 && allEqual(answers),
    `the ${words(answers.length - 1)} replicas that live have equal results`,
  );
  const next = await client.refresh(tokens[0]?.refreshToken ?? '').catch(() => undefined);
  report.claim(next !== undefined && revocations === 0, 'the next refresh works: Joan is still logged in');
};
