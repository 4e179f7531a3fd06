import { batches } from './batches';
import { createCells, deleteCells, ownerCells, readCells, settleCells } from './cells';
import { foreign } from './foreign';
import { generations } from './generations';
import { mainPath } from './main-path';
import { refusals } from './refusals';
import { replays } from './replays';
import { values } from './values';
import { type Vector } from './vector';

const FILES: Readonly<Record<string, () => Vector[]>> = {
  'main-path': mainPath,
  create: createCells,
  settle: settleCells,
  'renew-and-release': ownerCells,
  read: readCells,
  delete: deleteCells,
  replays,
  values,
  refusals,
  foreign,
  batches,
  generations,
};

/** The vector files by name, one step a line. */
export function vectorFiles(): Map<string, string> {
  return new Map(Object.entries(FILES).map(([title, make]) => [`${title}.json`, text(title, make())]));
}

function text(title: string, vectors: readonly Vector[]): string {
  const names = new Set(vectors.map(({ name }) => name));
  if (names.size !== vectors.length) throw new Error(`two vectors of ${title} have the same name`);
  const parts = vectors.map(({ name, steps }) => {
    const lines = steps.map((step) => `        ${JSON.stringify(step)}`);
    return `    {\n      "name": ${JSON.stringify(name)},\n      "steps": [\n${lines.join(',\n')}\n      ]\n    }`;
  });
  return `{\n  "format": 1,\n  "title": ${JSON.stringify(title)},\n  "vectors": [\n${parts.join(',\n')}\n  ]\n}\n`;
}
