import type { Corkable } from './cork.js';
import type { Line } from './line.js';
import type { Reach } from './reach.js';
import type { Recovery } from './recovery.js';

/** Where a line is one of several. */
export interface LineOptions {
  /** Whether script calls of one tick may go as one, which a Cluster does not allow for any two flows; default true. */
  readonly batches?: boolean;
  /** How to go on after an error; default: it stands. */
  readonly recovery?: Recovery;
  /** Takes what cannot go over this connection while it is down, and what it lost; default: that waits, and that fails. */
  readonly elsewhere?: Line;
  /** What it writes to; default: its one connection. */
  readonly streams?: () => readonly (Corkable | undefined)[];
  /** How long the first connection may take; default: as long as any request. */
  readonly reach?: Reach;
}
