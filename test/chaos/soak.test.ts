import { buildPorcupine } from './checker/linearizable.js';
import { slopesOf } from './slope.js';
import { soak } from './soak.js';

const at = (minute: number): number => minute * 60e9;

it('takes for flat what stays, and for not flat what grows by more than a part of itself', () => {
  const samples = Array.from({ length: 20 }, (_none, minute) => ({
    ...{ at: at(minute), heap: 100 + minute, rss: 100 + (minute % 2), resources: 5, sockets: 2 },
  }));
  const slopes = Object.fromEntries(slopesOf(samples).map((slope) => [slope.what, slope]));
  expect(slopes['heap']).toMatchObject({ flat: false, perHour: expect.closeTo(60, 3) as number });
  expect(slopes['rss']).toMatchObject({ flat: true });
  expect(slopes['sockets']).toEqual({ what: 'sockets', mean: 2, perHour: 0, flat: true });
});

it('holds no more handles after five kinds of faults than before, and keeps its promises', async () => {
  const soaked = await soak(
    { minutes: 0, leastPieces: 6, seed: Date.now() % 1_000_000, pieceSeconds: 2 },
    await buildPorcupine(),
  );
  expect(soaked.complaints).toEqual([]);
  expect(soaked.pieces).toBe(6);
  for (const samples of soaked.samples)
    expect(samples.map(({ resources, sockets }) => [resources, sockets])).toEqual(
      samples.map(() => [samples[0]?.resources, samples[0]?.sockets]),
    );
}, 300_000);
