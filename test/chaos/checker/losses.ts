import { nameOf, type History } from './history.js';

/**
 * Writes that were acknowledged and are gone, each because a server began anew without its data: counted, with the evidence of the server's own run
 * id and number of keys. What counts are flows that were pending.
 */
export function lossesOf({ deeds, scripts, wallZero }: History): {
  readonly flows: number;
  readonly unproved: string[];
} {
  const unproved: string[] = [];
  let flows = 0;
  for (const deed of deeds) {
    if (deed.deed !== 'forgot') continue;
    const [before, after] = deed.runs;
    if (before === after || after === '') {
      unproved.push('a server is said to have begun anew, and its run id is the same');
      continue;
    }
    const standing = new Set<string>();
    const calls = scripts
      .filter(({ returned = Infinity, reply }) => reply && returned < deed.from)
      .sort((a, b) => a.returned! - b.returned!);
    for (const { key, verdict, record } of calls) {
      const over = record?.status !== 'PENDING' || (record.deadlineAt - wallZero) * 1e6 < deed.from;
      if (!over && verdict !== 'deleted') standing.add(nameOf(key));
      else standing.delete(nameOf(key));
    }
    flows += Math.min(standing.size, deed.keys[0]);
  }
  return { flows, unproved };
}
