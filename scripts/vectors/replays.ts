import {
  applied,
  created,
  createArguments,
  fenceOf,
  need,
  OWNED,
  OWNER,
  reached,
  settleArguments,
  STATES,
  takenOver,
  unchanged,
  type Create,
  type Options,
  type State,
} from './states';
import { message, Vector } from './vector';

const HOW: readonly (readonly [string, Options])[] = [
  ['create', {}],
  ['create with a lease', OWNED],
  ['create with supersede', { conflict: 'supersede' }],
  ['create with supersede and a lease', { ...OWNED, conflict: 'supersede' }],
];
const OTHER = { owner: 'owner-2', leaseMs: 20_000 } as const;

/** Every call sent again, at once and after what may happen in between. */
export function replays(): Vector[] {
  return [
    ...HOW.flatMap(([what, options]) => opened(what, options)),
    ...joined(),
    ...taken(),
    ...settles(),
    ...owners(),
    ...deletes(),
  ];
}

function again(vector: Vector, create: Create, verdict: string): Vector {
  return unchanged(vector, 'create', createArguments(create), verdict);
}

function opened(what: string, options: Options): Vector[] {
  const start = (meanwhile: string): [Vector, Create] => {
    const vector = new Vector(`${what}, replayed${meanwhile}`);
    const create = { request: vector.request(), options };
    created(vector, create);
    return [vector, create];
  };
  const list: Vector[] = [];
  const [plain, first] = start('');
  list.push(again(plain, first, 'created'));
  for (const status of ['COMPLETED', 'FAILED', 'CANCELED']) {
    const [vector, create] = start(` after it was settled as ${status}`);
    applied(vector, { request: vector.request(), status });
    list.push(again(vector, create, 'created'));
  }
  const [overdue, late] = start(' after its deadline');
  list.push(again(overdue.expire(), late, 'created'));
  const [superseded, lost] = start(' after another superseded it');
  supersede(superseded);
  list.push(again(superseded, lost, 'superseded'));
  if (options['owner'] !== undefined) {
    const [lapsed, owner] = start(' after its lease ran out');
    list.push(again(lapsed.lapse(), owner, 'created'));
    const [owned, former] = start(' after another took it over');
    takenOver(owned.lapse(), { request: owned.request(), options: OTHER });
    list.push(again(owned, former, 'joined'));
  }
  return list;
}

function supersede(vector: Vector): Vector {
  const at = `<t${vector.steps.filter((step) => 'call' in step).length + 1}>`;
  const told = [message('SUPERSEDED', need(vector.view), at)];
  return created(vector, { request: vector.request(), options: { conflict: 'supersede' } }, told);
}

function joined(): Vector[] {
  const cases: readonly (readonly [State, string])[] = [
    ['open', 'joined'],
    ['owned', 'joined'],
    ['completed', 'settled'],
  ];
  const list = cases.map(([state, verdict]) => {
    const vector = reached(`create that was answered ${verdict}, replayed, ${state}`, state);
    const create = { request: vector.request(), options: OTHER };
    return again(again(vector, create, verdict), create, verdict);
  });
  for (const state of ['failed', 'canceled', 'timed out'] as const) {
    const vector = reached(`create that replaced a flow, replayed, ${state}`, state);
    const create = { request: vector.request() };
    list.push(again(created(vector, create), create, 'created'));
  }
  for (const state of ['absent', 'open', 'owned', 'lapsed', 'completed', 'failed'] as const) {
    const vector = reached(`create that superseded a flow, replayed, ${state}`, state);
    const create = { request: vector.request(), options: { conflict: 'supersede' } };
    const at = `<t${vector.steps.filter((step) => 'call' in step).length + 1}>`;
    const { view } = vector;
    created(vector, create, view?.status === 'PENDING' ? [message('SUPERSEDED', view, at)] : []);
    list.push(again(vector, create, 'created'));
  }
  return list;
}

function taken(): Vector[] {
  const vector = reached('create that took a flow over, replayed', 'lapsed');
  const create = { request: vector.request(), options: OTHER };
  again(takenOver(vector, create), create, 'taken_over');

  const third = reached('create that took a flow over, replayed after a third took it over', 'lapsed');
  const second = { request: third.request(), options: OTHER };
  takenOver(third, second).lapse();
  takenOver(third, { request: third.request(), options: { owner: 'owner-3', leaseMs: 10_000 } });
  return [vector, again(third, second, 'joined'), ...outOfAttempts()];
}

/** A create that finds all of a flow's attempts used up. */
function outOf(attempts: number, vector: Vector, create: Create): Vector {
  const lost = `the owner was lost in attempt ${attempts} of ${attempts}`;
  const payload = JSON.stringify({ name: 'OwnerLostError', message: lost, code: 'owner_lost' });
  return vector.call('create', createArguments(create), (now, found) => {
    const view = { ...need(found), status: 'FAILED', settledAt: now, settledBy: 'owner_lost', payload };
    return { verdict: 'settled', view, told: [message('FAILED', view, now, '', 'stored')] };
  });
}

function outOfAttempts(): Vector[] {
  const lost = (name: string): [Vector, Create] => {
    const vector = reached(name, 'lapsed', { maxAttempts: 1 });
    const create = { request: vector.request(), options: OTHER };
    return [outOf(1, vector, create), create];
  };
  const [replayed, create] = lost('create that found the attempts used up, replayed');
  const [asked] = lost('create after the attempts were used up, whatever it reuses');
  for (const reuse of ['COMPLETED', 'CANCELED', 'TIMED_OUT'])
    again(asked, { request: asked.request(), options: { reuse } }, 'settled');
  return [again(replayed, create, 'settled'), asked];
}

function settles(): Vector[] {
  return (['COMPLETED', 'FAILED', 'CANCELED'] as const).flatMap((status) => {
    const start = (how: string): [Vector, string] => {
      const vector = reached(`settle to ${status}, ${how}`, 'owned');
      const request = vector.request();
      applied(vector, { request, status, options: { fence: fenceOf(vector) } });
      return [vector, request];
    };
    const [once, first] = start('replayed');
    const options = { fence: fenceOf(once) };
    unchanged(once, 'settle', settleArguments({ request: first, status, options }), 'duplicate');

    const [other, replaced] = start('replayed after it was replaced');
    const fence = fenceOf(other);
    applied(other, { request: other.request(), status: 'COMPLETED', options: { fence, replace: 1 } });
    unchanged(other, 'settle', settleArguments({ request: replaced, status }), 'duplicate');

    const [gone, deleted] = start('replayed after the flow was deleted');
    remove(gone, gone.request());
    unchanged(gone, 'settle', settleArguments({ request: deleted, status }), 'not_found');

    const [anew, before] = start('replayed after the flow was deleted and made anew');
    remove(anew, anew.request());
    created(anew, { request: anew.request() });
    unchanged(anew, 'settle', settleArguments({ request: before, status }), 'duplicate');

    const [successor, ended] = start('replayed after another flow took its place');
    created(successor, { request: successor.request(), options: { reuse: 'TIMED_OUT' } });
    unchanged(successor, 'settle', settleArguments({ request: ended, status }), 'duplicate');

    const two = reached(`replace by ${status} by two who saw the same fence, and a replay`, 'completed');
    const winner = { request: two.request(), status, options: { fence: fenceOf(two), replace: 1 } };
    applied(two, winner);
    unchanged(two, 'settle', settleArguments({ ...winner, request: two.request() }), 'superseded');
    unchanged(two, 'settle', settleArguments(winner), 'duplicate');
    return [once, other, gone, anew, successor, two];
  });
}

function remove(vector: Vector, request: string, args: readonly string[] = []): Vector {
  return vector.call('delete', [request, ...args], (now, view) => ({
    verdict: 'deleted',
    view: null,
    shown: need(view),
    told: view?.status === 'PENDING' ? [message('DELETED', view, now)] : [],
  }));
}

function owners(): Vector[] {
  const renewed = reached('renew, replayed', 'owned');
  const args = [fenceOf(renewed), OWNER, '20000'];
  for (let times = 0; times < 2; times++) {
    renewed.call('renew', args, (now, view) => ({
      verdict: 'renewed',
      view: { ...need(view), leaseUntil: `${now.slice(0, -1)}+20000>` },
    }));
  }
  const capped = reached('renew past the deadline ends at the deadline', 'owned').call(
    'renew',
    ['<f1>', OWNER, '315360000000'],
    (_now, view) => ({ verdict: 'renewed', view: { ...need(view), leaseUntil: need(view).deadlineAt } }),
  );
  const released = (name: string): [Vector, string[]] => {
    const vector = reached(name, 'owned');
    const release = [vector.request(), fenceOf(vector), OWNER];
    vector.call('release', release, (now, found) => {
      const view = { ...need(found), leaseUntil: now };
      return { verdict: 'released', view, told: [message('RELEASED', view, now)] };
    });
    return [vector, release];
  };
  const [twice, release] = released('release, replayed');
  unchanged(twice, 'release', release, 'released');
  const [next, former] = released('release, replayed after another took the flow over');
  takenOver(next, { request: next.request(), options: OTHER });
  unchanged(next, 'release', former, 'released');
  return [renewed, capped, twice, next, unbegun()];
}

/** A handler that never began does not count as an attempt, however often the release is sent. */
function unbegun(): Vector {
  const vector = reached('release of an attempt that never began, replayed', 'owned', { maxAttempts: 1 });
  const release = [vector.request(), fenceOf(vector), OWNER, 'unbegun', '1'];
  vector.call('release', release, (now, found) => {
    const view = { ...need(found), leaseUntil: now };
    return { verdict: 'released', view, told: [message('RELEASED', view, now)] };
  });
  unchanged(vector, 'release', release, 'released');
  takenOver(vector, { request: vector.request(), options: OTHER }).lapse();
  return outOf(2, vector, { request: vector.request(), options: OTHER });
}

function deletes(): Vector[] {
  return STATES.filter((state) => state !== 'absent').flatMap((state) => {
    const twice = reached(`delete, replayed, ${state}`, state);
    const request = twice.request();
    remove(twice, request);
    unchanged(twice, 'delete', [request], 'deleted');
    unchanged(twice, 'delete', [twice.request()], 'not_found');

    const anew = reached(`delete, replayed after the flow was made anew, ${state}`, state);
    const first = anew.request();
    remove(anew, first);
    created(anew, { request: anew.request() });
    anew.call('delete', [first], () => ({ verdict: 'deleted', shown: null }));
    return [twice, unchanged(anew, 'read', [], 'found')];
  });
}
