import { Redis } from 'ioredis';

/** Whether this ioredis speaks RESP3 by default: then what listens takes other commands too, and settlements go ahead over it. */
export const resp3 = 'protocol' in new Redis({ lazyConnect: true }).options;
