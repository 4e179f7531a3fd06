import { Fleet } from './support/fleet.js';
import type { Outcome } from './support/protocol.js';

const PROCESSES = 8;
const CALLERS = 25;
const ROUNDS = 20;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start();
});
afterAll(() => fleet.stop());

it('runs one handler a round for 25 callers in each of 8 processes, and gives all its answer', async () => {
  const replicas = await fleet.replicas(PROCESSES);
  for (let round = 1; round <= ROUNDS; round++) {
    const id = `round-${round}`;
    const asked = replicas.map((replica) =>
      replica.call<Outcome[]>('runMany', CALLERS, id, { takesMs: 400 }),
    );
    const outcomes = (await Promise.all(asked)).flat();
    expect(outcomes).toHaveLength(PROCESSES * CALLERS);
    expect(new Set(outcomes.map(({ value, code }) => value ?? code)).size).toBe(1);
    expect(new Set(outcomes.map(({ fence }) => fence)).size).toBe(1);
    expect(outcomes[0]).toMatchObject({ value: expect.stringMatching(/^\d+\/1$/) as string });
    expect(await fleet.runs(id)).toBe(1);
  }
  const heard = (event: 'started' | 'warned'): number =>
    replicas.reduce((sum, replica) => sum + replica.untaken(event), 0);
  expect(heard('started')).toBe(ROUNDS);
  expect(heard('warned')).toBe(0);
}, 60_000);
