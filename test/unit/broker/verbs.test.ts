import { Telemetry } from '../../../src/broker/telemetry.js';
import { Verbs } from '../../../src/broker/verbs.js';
import type { Line } from '../../../src/redis/line.js';
import type { Topology } from '../../../src/redis/topology.js';

/** A line that notes what it is asked, and answers when it is told to. */
function line() {
  const asked: string[] = [];
  let answer: () => void = () => undefined;
  const run = (script: { verb: string }, keys: readonly string[]): Promise<Buffer[]> => {
    asked.push(`${script.verb} ${String(keys[0])}`);
    return new Promise((resolve) => {
      answer = () => resolve(['not_found', '1 1'].map((part) => Buffer.from(part)));
    });
  };
  return { asked, idle: true, run, answer: () => answer() };
}

function setup() {
  const [commands, listening] = [line(), line()];
  const verbs = new Verbs(
    { commands: commands as unknown as Line, publish: 'PUBLISH' } as Topology,
    {
      ...{ brokerId: 'b', prefix: 'flow', inlineBytes: 0, commandTimeoutMs: 1, timers: () => false },
      aheadFor: () => ({ line: listening as unknown as Line, channel: 'own' }),
    },
    new Telemetry('b'),
  );
  const settle = (id: string) =>
    verbs.settle({ type: 't', id }, { request: 'r', status: 'COMPLETED', payload: '', options: {} });
  return { commands, listening, verbs, settle };
}

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it('asks nothing of a flow over one line while it is settled over the other, and then in order', async () => {
  const { commands, listening, verbs, settle } = setup();
  const settled = settle('a');
  void verbs.read({ type: 't', id: 'a' });
  void verbs.delete({ type: 't', id: 'a' }, {});
  void verbs.read({ type: 't', id: 'b' });
  await turns();
  expect(listening.asked).toEqual(['settle flow:{t:a}']);
  expect(commands.asked).toEqual(['read flow:{t:b}']);
  listening.answer();
  await settled;
  await turns();
  expect(commands.asked).toEqual(['read flow:{t:b}', 'read flow:{t:a}', 'delete flow:{t:a}']);
  void verbs.read({ type: 't', id: 'a' });
  expect(commands.asked).toHaveLength(4);
});

it('goes no other way while an answer is owed', async () => {
  const { commands, listening, settle } = setup();
  commands.idle = false;
  void settle('a');
  await turns();
  expect([commands.asked, listening.asked]).toEqual([['settle flow:{t:a}'], []]);
});
