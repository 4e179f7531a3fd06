import { applied, created, createArguments, need, reached, settleArguments, unchanged } from './states';
import { message, Vector } from './vector';

/** What nearly every flow goes through, for a first client: three short vectors. */
export function mainPath(): Vector[] {
  const completed = new Vector('a flow is opened, joined, completed, read and deleted');
  created(completed, { request: 'open-1', metadata: '{}' });
  unchanged(completed, 'create', createArguments({ request: 'join-1', metadata: '{}' }), 'joined');
  applied(completed, { request: 'settle-1', status: 'COMPLETED', payload: 'done' });
  unchanged(
    completed,
    'settle',
    settleArguments({ request: 'settle-1', status: 'COMPLETED', payload: 'done' }),
    'duplicate',
  );
  unchanged(
    completed,
    'settle',
    settleArguments({ request: 'settle-2', status: 'FAILED' }),
    'already_settled',
  );
  unchanged(completed, 'read', [], 'found');
  completed.call('delete', ['delete-1'], (_now, view) => ({
    verdict: 'deleted',
    view: null,
    shown: need(view),
  }));
  unchanged(completed, 'read', [], 'not_found');

  const owned = new Vector('a flow is owned, renewed, released and taken away');
  created(owned, { request: 'own-1', metadata: '{}', options: { owner: 'me', leaseMs: 30_000 } });
  owned.call('renew', ['<f1>', 'me', '40000'], (now, view) => ({
    verdict: 'renewed',
    view: { ...need(view), leaseUntil: `${now.slice(0, -1)}+40000>` },
  }));
  owned.call('release', ['release-1', '<f1>', 'me'], (now, found) => {
    const view = { ...need(found), leaseUntil: now };
    return { verdict: 'released', view, told: [message('RELEASED', view, now)] };
  });
  owned.call('delete', ['delete-1'], (now, view) => ({
    verdict: 'deleted',
    view: null,
    shown: need(view),
    told: [message('DELETED', need(view), now)],
  }));

  const refused = reached('a bad argument is refused', 'absent');
  refused.refused('create', ['<publish>', 'me', 'soon', '{}'], 'FLOWARG');
  return [completed, owned, refused];
}
