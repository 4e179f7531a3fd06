import { buildPorcupine, linearizable } from './checker/linearizable.js';
import { Handwritten, head } from './history-builder.js';

const US = 1_000; // a fence is in microseconds, and never less than the time it was made at
const at = (ms: number): number => ms * US;

let file: string | undefined;
beforeAll(async () => {
  const built = await buildPorcupine();
  if ('file' in built) file = built.file;
  else console.warn(`Linearizability was NOT checked: ${built.why}.`);
}, 200_000);

/** How many keys cannot be put into an order that the state table allows. */
async function illegal(written: Handwritten): Promise<number> {
  if (file === undefined) return NaN;
  const found = await linearizable(written.history, file);
  return found.checked && found.undecided.length === 0 ? found.illegal.length : NaN;
}

async function allowed(written: Handwritten): Promise<void> {
  if (file !== undefined) expect(await illegal(written)).toBe(0);
}

async function forbidden(written: Handwritten): Promise<void> {
  if (file !== undefined) expect(await illegal(written)).toBe(1);
}

const FLOW = { fence: at(10), created: 10, deadline: 1_010 };
const open = (): Handwritten =>
  new Handwritten().script(9, 'create', ['r0', 1_000, '"m"'], 11, [
    'created',
    head(10, 'PENDING', FLOW),
    '"m"',
  ]);
const done = (now: number, by: string, settled: number): string =>
  head(now, 'COMPLETED', { ...FLOW, settled, by });
const completing = (by: string): string[] => [by, 'COMPLETED', `"${by}"`, '8192'];

it('allows what the state table does', async () => {
  await allowed(
    open()
      .script(19, 'settle', completing('r1'), 21, ['applied', done(20, 'r1', 20), '"m"'])
      .script(29, 'settle', completing('r2'), 31, ['already_settled', done(30, 'r1', 20), '"m"', '"r1"'])
      .script(39, 'read', [], 41, ['found', done(40, 'r1', 20), '"m"', '"r1"']),
  );
});

it('forbids a second settlement, and a record that shows another than the one applied', async () => {
  const first = (): Handwritten =>
    open().script(19, 'settle', completing('r1'), 21, ['applied', done(20, 'r1', 20), '"m"']);
  await forbidden(first().script(29, 'settle', completing('r2'), 31, ['applied', done(30, 'r2', 30), '"m"']));
  await forbidden(first().script(29, 'read', [], 31, ['found', done(30, 'r1', 20), '"m"', '"r2"']));
});

it('forbids what was acknowledged and is gone, unless the server began anew', async () => {
  const gone = (): Handwritten => open().script(50, 'read', [], 51, ['not_found', head(50)]);
  await forbidden(gone());
  await allowed(gone().forgot(30, 40));
  await forbidden(gone().forgot(60, 70));
});

it('counts a write apart that a failover lost, and allows no other loss', async () => {
  if (file === undefined) return;
  const first = (): Handwritten =>
    open().script(19, 'settle', completing('r1'), 21, ['applied', done(20, 'r1', 20), '"m"']);
  const pending = ['found', head(200, 'PENDING', FLOW), '"m"'];
  const lost = await linearizable(
    first().replaced(100, 150).script(199, 'read', [], 201, pending).history,
    file,
  );
  expect(lost).toMatchObject({ illegal: [], lost: ['a'] });
  const later = first().script(199, 'read', [], 201, pending).replaced(300, 350);
  expect(await linearizable(later.history, file)).toMatchObject({ illegal: [expect.any(String)], lost: [] });
  // A replica has what was written before, or it has nothing after that either.
  const other = head(200, 'COMPLETED', { ...FLOW, settled: 30, by: 'r2' });
  const never = first().replaced(100, 150).script(199, 'read', [], 201, ['found', other, '"m"', '"r2"']);
  expect(await linearizable(never.history, file)).toMatchObject({ illegal: [expect.any(String)], lost: [] });
});

it('allows a settlement without an answer to happen at any time, or never', async () => {
  const unanswered = (): Handwritten => open().script(19, 'settle', completing('r1'));
  await allowed(unanswered().script(500, 'read', [], 501, ['found', head(500, 'PENDING', FLOW), '"m"']));
  await allowed(
    unanswered()
      .script(300, 'read', [], 301, ['found', head(300, 'PENDING', FLOW), '"m"'])
      .script(500, 'read', [], 501, ['found', done(500, 'r1', 400), '"m"', '"r1"']),
  );
  await forbidden(unanswered().script(500, 'read', [], 501, ['found', done(500, 'r9', 400), '"m"', '"r9"']));
});

it('knows deadline, lease and retention', async () => {
  const late = head(1_020, 'TIMED_OUT', { ...FLOW, settled: 1_010, by: 'timeout' });
  await allowed(open().script(1_019, 'read', [], 1_021, ['found', late, '"m"']));
  await forbidden(open().script(1_019, 'read', [], 1_021, ['found', head(1_020, 'PENDING', FLOW), '"m"']));

  const owner = ['owner', 'o1', 'leaseMs', '100'];
  const owned = { ...FLOW, attempt: 1, lease: 110, owner: 'o1' };
  const run = (): Handwritten =>
    new Handwritten().script(9, 'create', ['r0', 1_000, '"m"', ...owner], 11, [
      'created',
      head(10, 'PENDING', owned),
      '"m"',
    ]);
  const taking = ['r1', 1_000, '"m"', 'owner', 'o2', 'leaseMs', 100];
  const taken = (now: number): string =>
    head(now, 'PENDING', {
      ...owned,
      fence: at(now),
      origin: FLOW.fence,
      attempt: 2,
      owner: 'o2',
      lease: now + 100,
    });
  await allowed(run().script(119, 'create', taking, 121, ['taken_over', taken(120), '"m"']));
  await forbidden(run().script(99, 'create', taking, 101, ['taken_over', taken(100), '"m"']));

  const kept = ['retention', '100 100 100 100'];
  const brief = (): Handwritten =>
    new Handwritten().script(9, 'create', ['r0', 1_000, '"m"', ...kept], 11, [
      'created',
      head(10, 'PENDING', FLOW),
      '"m"',
    ]);
  await allowed(brief().script(1_200, 'read', [], 1_201, ['not_found', head(1_200)]));
  await forbidden(brief().script(1_050, 'read', [], 1_051, ['not_found', head(1_050)]));
});

it('allows a script to run twice only where its connection may have dropped', async () => {
  const resent = (): Handwritten =>
    open().script(19, 'settle', completing('r1'), 91, ['duplicate', done(90, 'r1', 20), '"m"', '"r1"']);
  await forbidden(resent());
  await allowed(resent().fault(30, 40));

  // What one of two connections lost goes over the other one at once.
  const atOnce = (): Handwritten =>
    open().script(19, 'settle', completing('r1'), 24, ['duplicate', done(23, 'r1', 20), '"m"', '"r1"']);
  await forbidden(atOnce());
  await forbidden(atOnce().fault(30, 40));
  await allowed(atOnce().fault(21, 22));
});

it('allows it three times where two connections may have dropped', async () => {
  const again = { fence: at(100), created: 100, deadline: 1_100 };
  const resent = (): Handwritten =>
    new Handwritten()
      .script(9, 'create', ['r0', 1_000, '"m"'], 201, ['created', head(200, 'PENDING', again), '"m"'])
      .script(19, 'read', [], 21, ['found', head(20, 'PENDING', FLOW), '"m"'])
      .script(29, 'delete', ['r1'], 31, ['deleted', head(30, 'PENDING', FLOW), '"m"'])
      .fault(11, 15);
  await forbidden(resent());
  await allowed(resent().fault(110, 120));
});

it('allows a renewal that was sent again to run once more behind its answer, for a moment', async () => {
  const owned = (lease: number) => ({ ...FLOW, attempt: 1, owner: 'o1', lease });
  const renewed = (asked: number): Handwritten =>
    new Handwritten()
      .script(9, 'create', ['r0', 1_000, '"m"', 'owner', 'o1', 'leaseMs', '300'], 11, [
        'created',
        head(10, 'PENDING', owned(310)),
        '"m"',
      ])
      .script(asked, 'renew', [String(FLOW.fence), 'o1', '300'], 301, [
        'renewed',
        head(300, 'PENDING', owned(600)),
        '"m"',
      ])
      .script(400, 'renew', [String(FLOW.fence), 'o1', '300'], 402, [
        'renewed',
        head(401, 'PENDING', owned(701)),
        '"m"',
      ])
      .script(509, 'read', [], 511, ['found', head(510, 'PENDING', owned(800)), '"m"']);
  await allowed(renewed(19));
  await forbidden(renewed(299)); // too quick to have been sent again
});

it('forbids a new fence that is no higher than the last', async () => {
  const next = { fence: at(10), created: 30, deadline: 1_030 };
  await forbidden(
    open()
      .script(19, 'delete', ['r1'], 21, ['deleted', head(20, 'PENDING', FLOW), '"m"'])
      .script(29, 'create', ['r2', 1_000, '"m"'], 31, ['created', head(30, 'PENDING', next), '"m"']),
  );
});
