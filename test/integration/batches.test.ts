import { failureOf } from '../helpers/errors.js';
import { scriptCalls, setup } from '../helpers/setup.js';

const bed = setup();

async function warm() {
  const flows = bed.broker().define<string>('batches');
  // The first of each kind is sent again by its text, behind what was sent meanwhile.
  for (let round = 0; round < 2; round++) {
    const id = bed.id();
    await Promise.all([
      flows.get(id),
      flows.create(id),
      flows.complete(id, ''),
      flows.delete(id),
      flows.create(id),
    ]);
  }
  return flows;
}

it('sends the first call of a tick at once, and the others as batches of up to thirty-two', async () => {
  const flows = await warm();
  const before = await scriptCalls(bed.admin);
  const ids = Array.from({ length: 40 }, () => bed.id());
  const created = await Promise.all(ids.map((id) => flows.create(id)));
  expect(created.map(({ verdict }) => verdict)).toEqual(ids.map(() => 'created'));
  expect((await scriptCalls(bed.admin)) - before).toBe(3);
});

it('keeps the order of the calls of one tick, whatever they are', async () => {
  const flows = await warm();
  const id = bed.id();
  const [absent, created, completed, deleted, again] = await Promise.all([
    flows.get(id),
    flows.create(id),
    flows.complete(id, 'one'),
    flows.delete(id),
    flows.create(id),
  ]);
  expect(absent).toBeUndefined();
  expect(created.verdict).toBe('created');
  expect(completed.verdict).toBe('applied');
  expect(deleted.verdict).toBe('deleted');
  expect(again.verdict).toBe('created');
});

it('rejects the one call that Redis refuses, and answers the others', async () => {
  const flows = await warm();
  const [good, foreign, other] = [bed.id(), bed.id(), bed.id()];
  await bed.admin.set(`flow:{batches:${foreign}}`, 'a string');
  const [first, error, second] = await Promise.all([
    flows.create(good),
    failureOf(flows.create(foreign), 'ERR_FLOW_RECORD'),
    flows.create(other),
  ]);
  expect([first.verdict, second.verdict]).toEqual(['created', 'created']);
  expect(error.message).toContain('FLOWTYPE');
  expect(error).toMatchObject({ flow: { type: 'batches', id: foreign } });
});

it('loads the scripts again when the server forgot them', async () => {
  const flows = await warm();
  await bed.admin.script('FLUSH');
  const created = await Promise.all([bed.id(), bed.id(), bed.id()].map((id) => flows.create(id)));
  expect(created.map(({ verdict }) => verdict)).toEqual(['created', 'created', 'created']);
});

it('sends large payloads by themselves', async () => {
  const flows = await warm();
  const ids = [bed.id(), bed.id(), bed.id()];
  await Promise.all(ids.map((id) => flows.create(id)));
  const before = await scriptCalls(bed.admin);
  const large = 'x'.repeat(60_000);
  const settled = await Promise.all(ids.map((id) => flows.complete(id, large)));
  expect(settled.map(({ verdict }) => verdict)).toEqual(['applied', 'applied', 'applied']);
  expect((await scriptCalls(bed.admin)) - before).toBeGreaterThanOrEqual(3);
  expect(await Promise.all(ids.map((id) => flows.wait(id)))).toEqual([large, large, large]);
});
