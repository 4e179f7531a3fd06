import { check, type Findings, type Promised } from './checker/check.js';
import { Handwritten, head } from './history-builder.js';

const PENDING = head(1, 'PENDING');
const COMPLETED = head(20, 'COMPLETED', { settled: 20, by: 'r1' });

/** A flow that is made at 0 ms and completed with `v1` at 20 ms. */
const completed = (): Handwritten =>
  new Handwritten()
    .script(0, 'create', ['r0', 10_000, '""'], 1, ['created', PENDING, '""'])
    .script(20, 'settle', ['r1', 'COMPLETED', '"v1"', 8192], 21, ['applied', COMPLETED, '""']);

const waiting = { does: 'outcome', name: 'a', origin: 1, deadlineAt: 10_000 } as const;

const found = (written: Handwritten): Promise<Findings> => check(written.history, { why: 'not asked' });

/** The only promise that is broken, and how. */
async function broken(written: Handwritten): Promise<[Promised, string]> {
  const all = Object.entries((await found(written)).broken).filter(([, ways]) => ways.length > 0);
  expect(all).toHaveLength(1);
  const [[promise, ways]] = all as [[Promised, string[]]];
  expect(ways).toHaveLength(1);
  return [promise, ways[0]!];
}

async function holds(written: Handwritten): Promise<Findings> {
  const findings = await found(written);
  expect(Object.values(findings.broken).flat()).toEqual([]);
  return findings;
}

describe('settlements', () => {
  it('finds nothing in a flow that is made, waited for and completed', async () => {
    const { flows, operations, longestStallMs } = await holds(
      completed().operation(2, waiting, { at: 22, value: 'v1' }),
    );
    expect({ flows, operations, longestStallMs }).toEqual({ flows: 1, operations: 1, longestStallMs: 1 });
  });

  it('finds a flow that was settled twice', async () => {
    const twice = completed().script(30, 'settle', ['r2', 'COMPLETED', '"v2"', 8192], 31, [
      'applied',
      COMPLETED,
      '""',
    ]);
    expect(await broken(twice)).toEqual(['doubleRuns', 'flow a 1 was settled twice: by r1 and by r2']);
  });

  it('takes the same request, sent twice, for one settlement', async () => {
    await holds(
      completed().script(30, 'settle', ['r1', 'COMPLETED', '"v1"', 8192], 31, ['duplicate', COMPLETED, '""']),
    );
  });

  it('lets a replacement settle again', async () => {
    const options = ['fence', 1, 'replace', 1];
    const replaced = head(30, 'FAILED', { fence: 2, origin: 1, settled: 30, by: 'r2' });
    await holds(
      completed().script(30, 'settle', ['r2', 'FAILED', '{"message":"v2"}', 8192, ...options], 31, [
        'applied',
        replaced,
        '""',
      ]),
    );
  });

  it('finds one fence in two handlers', async () => {
    const [promise] = await broken(completed().handler(3, 7, 5).handler(4, 8, 5));
    expect(promise).toBe('doubleRuns');
  });

  it('finds a caller who is told at once that another was first, and was not', async () => {
    const denied = new Handwritten()
      .script(20, 'settle', ['r1', 'COMPLETED', '"v1"', 8192], 21, [
        'already_settled',
        COMPLETED,
        '""',
        '"v1"',
      ])
      .script(25, 'read', [], 26, ['found', COMPLETED, '""', '"v1"']);
    expect(await broken(denied)).toEqual([
      'doubleRuns',
      'r1 ended a flow of a, and its caller was told otherwise',
    ]);
  });

  it('counts a request apart that ran twice over two connections, and was forgotten in between', async () => {
    const next = head(90, 'PENDING', { fence: 2 });
    const forgotten = new Handwritten()
      .script(20, 'settle', ['r1', 'COMPLETED', '"v1"', 8192, 'fence', 1], 91, ['superseded', next, '""'])
      .script(25, 'read', [], 26, ['found', COMPLETED, '""', '"v1"'])
      .operation(2, waiting, { at: 22, value: 'v1' });
    expect((await holds(forgotten)).repeats).toHaveLength(1);
  });
});

describe('outcomes', () => {
  it.each([
    ['a value of nobody', { value: 'v9' }, 'it got v9, which nobody settled with'],
    [
      'the value as a failure',
      { value: 'v1', error: 'ERR_FLOW_FAILED' },
      'it got v1 as FAILED, it was COMPLETED',
    ],
    ['a timeout', { error: 'ERR_FLOW_TIMED_OUT' }, 'it was told TIMED_OUT, and v1 was applied'],
    [
      'a successor that there is not',
      { error: 'ERR_FLOW_SUPERSEDED' },
      'it was told SUPERSEDED, and no other flow was made',
    ],
    [
      'a deletion that there was not',
      { error: 'ERR_FLOW_DELETED' },
      'it was told DELETED, and nobody deleted it',
    ],
  ])('finds a waiter who was told %s', async (_what, told, why) => {
    const [promise, way] = await broken(completed().operation(2, waiting, { at: 22, ...told }));
    expect(promise).toBe('wrongAnswers');
    expect(way).toContain(why);
  });

  it('finds a waiter who got what was refused', async () => {
    const refused = completed()
      .script(30, 'settle', ['r2', 'COMPLETED', '"v2"', 8192], 31, [
        'already_settled',
        COMPLETED,
        '""',
        '"v1"',
      ])
      .operation(2, waiting, { at: 32, value: 'v2' });
    expect((await broken(refused))[1]).toContain('it got v2, which was refused');
  });

  it('finds a waiter who got the value of a flow that was gone when he began', async () => {
    const gone = completed()
      .script(30, 'create', ['r3', 10_000, '""'], 31, ['created', head(30, 'PENDING', { fence: 2 }), '""'])
      .operation(40, { does: 'wait', name: 'a' }, { at: 42, value: 'v1' });
    expect((await broken(gone))[1]).toContain('it got v1 of flow 1, gone before it was called');
  });

  it('allows a value whose settlement nobody answered', async () => {
    await holds(
      new Handwritten()
        .script(0, 'create', ['r0', 10_000, '""'], 1, ['created', PENDING, '""'])
        .script(20, 'settle', ['r1', 'COMPLETED', '"v1"', 8192])
        .operation(2, waiting, { at: 22, value: 'v1' }),
    );
  });

  it('allows a deletion that a server did and forgot with its data', async () => {
    const forgotten = completed()
      .script(22, 'delete', ['r3'], 900, ['not_found', '1 900'])
      .operation(2, waiting, { at: 30, error: 'ERR_FLOW_DELETED' });
    await holds(forgotten);
  });

  it('allows that a flow is gone since the one in its place has expired', async () => {
    const settling = ['r5', 'COMPLETED', '"v5"', 8192, 'retentionMs', 800] as const;
    const expired = completed()
      .script(40, 'create', ['r4', 10_000, '""', 'reuse', 'FAILED'], 41, [
        'created',
        head(40, 'PENDING', { fence: 2 }),
        '""',
      ])
      .script(50, 'settle', [...settling], 51, [
        'applied',
        head(50, 'COMPLETED', { fence: 2, settled: 50, by: 'r5' }),
        '""',
      ])
      .operation(2, waiting, { at: 900, error: 'ERR_FLOW_DELETED' });
    await holds(expired);
  });

  it('allows that a flow is gone by the retention of a settlement that was sent again too late', async () => {
    const late = new Handwritten()
      .script(0, 'create', ['r0', 10_000, '""'], 1, ['created', PENDING, '""'])
      .script(20, 'settle', ['r1', 'COMPLETED', '"v1"', 8192, 'retentionMs', 500], 900, [
        'not_found',
        '1 900',
      ])
      .operation(2, waiting, { at: 850, error: 'ERR_FLOW_DELETED' });
    await holds(late);
  });

  it('counts a flow apart that a failover lost', async () => {
    const lost = new Handwritten()
      .script(0, 'create', ['r0', 10_000, '""'], 1, ['created', PENDING, '""'])
      .replaced(100, 150)
      .script(200, 'read', [], 201, ['not_found', '1 200'])
      .operation(2, waiting, { at: 210, error: 'ERR_FLOW_DELETED' });
    expect((await holds(lost)).lost).toBe(1);
    const before = new Handwritten()
      .script(0, 'create', ['r0', 10_000, '""'], 1, ['created', PENDING, '""'])
      .operation(2, waiting, { at: 90, error: 'ERR_FLOW_DELETED' })
      .replaced(100, 150);
    expect((await broken(before))[0]).toBe('wrongAnswers');
  });

  it('finds a waiter who slept on after his flow was settled', async () => {
    const [promise, way] = await broken(completed().operation(2, waiting, { at: 2_000, value: 'v1' }));
    expect([promise, way]).toEqual([
      'lostWakes',
      'outcome of a (operation 3 of process 0) slept on for 1979 ms',
    ]);
  });

  it('finds one who slept on until he gave up', async () => {
    const gaveUp = completed().operation(
      2,
      { ...waiting, waitMs: 2_000 },
      { at: 2_002, error: 'ERR_FLOW_WAIT_TIMEOUT' },
    );
    expect((await broken(gaveUp))[0]).toBe('lostWakes');
  });

  it('excuses by a fault, for as long as that and the recovery lasted', async () => {
    const slept = (end: number): Handwritten =>
      completed().fault(100, 600).operation(2, waiting, { at: end, value: 'v1' });
    await holds(slept(2_300));
    expect((await broken(slept(2_400)))[0]).toBe('lostWakes');
  });

  it('excuses a process that stood still', async () => {
    const { longestStallMs } = await holds(
      completed().stood(30, 1_900).operation(2, waiting, { at: 2_000, value: 'v1' }),
    );
    expect(longestStallMs).toBeCloseTo(109);
  });
});

describe('fences', () => {
  it('finds a fence that falls', async () => {
    const falls = completed()
      .script(30, 'create', ['r3', 10_000, '""'], 31, ['created', head(30, 'PENDING', { fence: 5 }), '""'])
      .script(40, 'create', ['r4', 10_000, '""'], 41, ['created', head(40, 'PENDING', { fence: 4 }), '""']);
    expect(await broken(falls)).toEqual(['fences', 'a had fence 5 and then 4, seen by create']);
  });

  it('says nothing of what happened at the same time', async () => {
    await holds(
      completed()
        .script(30, 'create', ['r3', 10_000, '""'], 50, ['created', head(30, 'PENDING', { fence: 5 }), '""'])
        .script(31, 'read', [], 51, ['found', head(31, 'PENDING', { fence: 4 }), '""']),
    );
  });

  it('finds a commit with a fence that was lost', async () => {
    const late = completed()
      .script(30, 'create', ['r3', 10_000, '""'], 31, ['created', head(30, 'PENDING', { fence: 2 }), '""'])
      .script(40, 'settle', ['r4', 'COMPLETED', '"v4"', 8192, 'fence', 1], 41, [
        'applied',
        head(40, 'COMPLETED', { fence: 2, settled: 40, by: 'r4' }),
        '""',
      ]);
    const { broken: ways } = await found(late);
    expect(ways.fences).toEqual([
      'a: r4 committed with fence 1 after it was lost to 2',
      'a: r4 committed with fence 1 what had fence 2',
    ]);
  });
});

describe('endings', () => {
  it('finds a wait that never ended', async () => {
    expect(await broken(completed().operation(2, waiting))).toEqual([
      'hungWaits',
      'outcome of a (operation 3 of process 0) never ended',
    ]);
  });

  it.each([
    ['the deadline of its flow', { ...waiting, deadlineAt: 500 }],
    ['its own limit', { does: 'run', name: 'a', waitMs: 498 } as const],
    ['its abort', { ...waiting, abortMs: 498 }],
  ])('finds a wait that went on a second after %s', async (_what, call) => {
    const ended = (at: number): Handwritten =>
      new Handwritten().operation(2, call, { at, error: 'ERR_FLOW_UNAVAILABLE' });
    await holds(ended(1_499));
    expect((await broken(ended(1_501)))[0]).toBe('hungWaits');
  });
});

describe('the rest', () => {
  it('reports what killed a process', async () => {
    const [promise, way] = await broken(new Handwritten().fatal(5, 'unhandled rejection'));
    expect([promise, way]).toEqual(['deaths', 'process 0 died: unhandled rejection']);
  });

  it('finds a connection that is tried too often', async () => {
    const hasty = (everyMs: number): Handwritten => {
      const written = new Handwritten();
      for (let at = 0; at < 12; at++) written.connect(at * everyMs);
      return written;
    };
    await holds(hasty(101));
    expect((await broken(hasty(80)))[0]).toBe('connects');
  });

  it('counts flows that a server lost with its data, and believes it only by another run id', async () => {
    const pending = (): Handwritten =>
      new Handwritten().script(0, 'create', ['r0', 10_000, '""'], 1, ['created', PENDING, '""']);
    expect((await holds(pending().forgot(50, 80))).lost).toBe(1);
    expect((await broken(pending().forgot(50, 80, ['one', 'one'])))[0]).toBe('losses');
  });
});
