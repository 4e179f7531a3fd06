import type { Promised } from './checker/check.js';
import { play, type PlayOptions } from './play.js';

// A checker that finds nothing proves something only if it finds what is wrong.
const BUGS: readonly [bug: string, fault: string, breaks: Promised, seconds: number][] = [
  ['no-reread', 'drop', 'lostWakes', 5],
  ['no-count', 'none', 'lostWakes', 3],
  ['no-fence-check', 'none', 'fences', 2],
];

// Chance decides whether a fault falls where the bug shows: a few runs, the first that finds it ends them.
const SEEDS = [5, 6, 7, 8];

it.each(BUGS)(
  'finds the seeded bug %s under %s, as broken %s',
  async (seededBug, fault, breaks, seconds) => {
    for (const seed of SEEDS) {
      const options: PlayOptions = { topology: 'standalone', fault, seconds, seed, actors: 40, seededBug };
      const { broken } = await play(options, { why: 'other passes must find it' });
      expect(broken.deaths).toEqual([]);
      if (broken[breaks].length > 0) return;
    }
    throw new Error('the checker found nothing');
  },
  120_000,
);
