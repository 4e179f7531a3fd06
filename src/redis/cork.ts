import type { Redis } from 'ioredis';

/** Holds back what is written, to write it at once. */
export interface Corkable {
  cork(): void;
  uncork(): void;
}

/** What a connection writes to; undefined while it has none. */
export function streamOf(redis: Redis): Corkable | undefined {
  const { stream } = redis as unknown as { readonly stream?: Partial<Corkable> };
  return stream?.cork && stream.uncork ? (stream as Corkable) : undefined;
}

/** Holds all of them back until what it returns is called. */
export function corked(streams: readonly (Corkable | undefined)[]): () => void {
  for (const stream of streams) stream?.cork();
  return () => {
    for (const stream of streams) stream?.uncork();
  };
}
