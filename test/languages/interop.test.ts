import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { acquireRedis, type AcquiredRedis } from '../../scripts/redis/index.js';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { createBroker, sealedCodec, type Broker, type Codec } from '../../src/index.js';
import { message } from '../helpers/program.js';
import { GoWorker } from './support/go-worker.js';
import { goParty, nodeParty, pythonParty, type Party } from './support/party.js';
import { PythonProcess } from './support/python-process.js';

const present = (process.env['LANGUAGES'] ?? '').split(' ');
const NAMES = ['node', 'python', 'go'] as const;
const MIXED = NAMES.flatMap((opens) =>
  NAMES.flatMap((waits) => NAMES.map((completes) => ({ opens, waits, completes }))),
);
const VALUES: readonly [string, unknown][] = [
  ['an object', { access_token: 't', scopes: ['a', 'b'], expires_in: 3600, nested: { ok: true } }],
  ['Unicode', 'Ærøskøbing 東京 😀 \u0000 "quoted" \\ \n'],
  ['an empty string', ''],
  ['null', null],
  ['1 MB', 'é'.repeat(500_000)],
  ['numbers', [0, -1, 1.5, 9007199254740991, -9007199254740991]],
];
const FAILURE = {
  name: 'InvalidGrant',
  message: 'abgelaufen – 期限切れ',
  code: 'invalid_grant',
  data: { retry: [1, null] },
};

const describeWith = present.includes('python') && present.includes('go') ? describe : describe.skip;

describeWith('flows that pass between Node, Python and Go', () => {
  let server: AcquiredRedis;
  let broker: Broker;
  let python: PythonProcess;
  let parties: Record<(typeof NAMES)[number], Party>;

  beforeAll(async () => {
    server = await acquireRedis();
    broker = createBroker({ redis: server.url });
    python = await PythonProcess.start(server.url);
    parties = { node: nodeParty(broker), python: pythonParty(python), go: goParty(server.url) };
  });

  afterAll(async () => {
    await python.kill();
    await broker.close();
    await server.stop();
  });

  it.each(MIXED)('$opens opens, $waits waits, $completes completes', async ({ opens, waits, completes }) => {
    const id = randomUUID();
    expect(await parties[opens].open(id)).toBe('created');
    const { listening, outcome } = parties[waits].wait(id);
    await listening;
    expect(await parties[completes].complete(id, { id, by: completes })).toBe('applied');
    expect(await outcome).toEqual({ result: { id, by: completes } });
  });

  const pairs = NAMES.flatMap((waits) =>
    NAMES.filter((name) => name !== waits).map((settles) => ({ waits, settles })),
  );

  describe.each(pairs)('from $settles to $waits', ({ waits, settles }) => {
    it.each(VALUES)('%s arrives as it was', async (_what, value) => {
      const id = randomUUID();
      await parties[settles].open(id);
      const { listening, outcome } = parties[waits].wait(id);
      await listening;
      expect(await parties[settles].complete(id, value)).toBe('applied');
      expect(await outcome).toEqual({ result: value });
    });

    it('an error arrives with its name, message, code and data', async () => {
      const id = randomUUID();
      await parties[settles].open(id);
      const { listening, outcome } = parties[waits].wait(id);
      await listening;
      expect(await parties[settles].fail(id, FAILURE)).toBe('applied');
      expect(await outcome).toEqual({ failed: FAILURE });
    });
  });

  it('undefined of JavaScript is None in Python', async () => {
    const id = randomUUID();
    await parties.node.open(id);
    const { listening, outcome } = parties.python.wait(id);
    await listening;
    await parties.node.complete(id, undefined);
    expect(await outcome).toEqual({ result: null });
  });

  it('any bytes pass from one to the other where the codec leaves them as they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_byte, at) => at));
    const raw: Codec = { encode: (value) => (value as Buffer | undefined) ?? '', decode: (data) => data };
    const flows = broker.define<Buffer>('raw', { codec: raw });
    const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
    for (const id of [first, second, third]) await flows.create(id);
    const atPython = python.ask('wait', first, null, 'raw');
    await atPython.first;
    await flows.complete(first, bytes);
    expect(await atPython.answer).toBe(bytes.toString('base64'));
    expect(await python.call('complete', second, bytes.toString('base64'), 'raw')).toBe('applied');
    expect(await flows.wait(second)).toEqual(bytes);
    const text = Buffer.from('from Go \u0001 é');
    expect(await new GoWorker(server.url).run('COMPLETED', third, '-', text.toString(), 'raw')).toBe(
      'applied',
    );
    expect(await flows.wait(third)).toEqual(text);
  });

  it('what one sealed the other opens', async () => {
    const codec = sealedCodec({ keys: { k: new Uint8Array(32) }, current: 'k' });
    const flows = broker.define('sealed', { codec });
    const [toPython, toNode] = [randomUUID(), randomUUID()];
    await flows.create(toPython);
    const atPython = python.ask('wait', toPython, null, 'sealed');
    await atPython.first;
    await flows.complete(toPython, { secret: 'é' });
    expect(await atPython.answer).toEqual({ secret: 'é' });
    await flows.create(toNode);
    expect(await python.call('complete', toNode, { secret: 'ü' }, 'sealed')).toBe('applied');
    expect(await flows.wait(toNode)).toEqual({ secret: 'ü' });
  });

  it('run of Python and run of Node compete for one id: one handler runs, both get its result', async () => {
    const id = randomUUID();
    const flows = broker.define('interop', { leaseMs: 1_000 });
    let runs = 0;
    const asked = python.ask('run', id, { ms: 200 });
    const here = flows.run(id, async ({ attempt }) => {
      runs++;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { by: 'node', attempt };
    });
    const [mine, theirs] = await Promise.all([here, asked.answer]);
    expect(theirs).toEqual(mine);
    expect(mine).toEqual({ by: runs === 1 ? 'node' : 'python', attempt: 1 });
  });

  it('a Python owner that was killed is followed by Node', async () => {
    const id = randomUUID();
    const doomed = await PythonProcess.start(server.url);
    await doomed.ask('run', id, { ms: 60_000 }).first;
    const flows = broker.define('interop', { leaseMs: 1_000 });
    const here = flows.run(id, ({ attempt }) => ({ by: 'node', attempt }));
    await doomed.kill();
    expect(await here).toEqual({ by: 'node', attempt: 2 });
  });

  it('a Node owner that was killed is followed by Python', async () => {
    const id = randomUUID();
    const doomed = spawnTs(join(__dirname, 'programs', 'owner.ts'), { args: [server.url, id] });
    await message(doomed);
    const { answer } = python.ask('run', id, { ms: 0 });
    const exited = once(doomed, 'exit');
    doomed.kill('SIGKILL');
    await exited;
    expect(await answer).toEqual({ by: 'python', attempt: 2 });
  });
});
