/** What a process of a contender can be told to do. */
export interface Commands {
  ready(given: object): Promise<number>;
  open(given: { readonly id: string }): Promise<void>;
  /** How long after the moment in its payload each flow opened since the last call was heard of, in ms; waits for them all. */
  woken(given: object): Promise<number[]>;
  complete(given: { readonly id: string; readonly bytes: number }): Promise<void>;
  throughput(given: ThroughputGiven): Promise<ThroughputIs>;
  /** Opens flows that nobody settles, and waits for them from then on. */
  hold(given: HoldGiven): Promise<HoldIs>;
  callers(given: CallersGiven): Promise<CallersIs>;
  turns(given: TurnsGiven): Promise<TurnsIs>;
  usage(given: object): Promise<UsageIs>;
}

export interface ThroughputGiven {
  readonly label: string;
  readonly inFlight: number;
  readonly bytes: number;
  /** Begins no flow after so many ms, or after so many flows. */
  readonly ms?: number;
  readonly flows?: number;
}

export interface ThroughputIs {
  readonly flows: number;
  readonly ms: number;
  readonly cpuUs: number;
}

export interface HoldGiven {
  readonly label: string;
  readonly count: number;
}

export interface HoldIs {
  readonly ms: number;
  readonly heap: number;
  readonly rss: number;
}

export interface CallersGiven {
  readonly id: string;
  readonly callers: number;
  readonly handlerMs: number;
}

export interface CallersIs {
  readonly runs: number;
  readonly answers: readonly string[];
  readonly slowestMs: number;
}

export interface TurnsGiven {
  readonly name: string;
  readonly contenders: number;
  readonly workMs: number;
}

export interface TurnsIs {
  /** When each had its turn, in ms since the epoch. */
  readonly turns: readonly (readonly [from: number, to: number])[];
}

export interface UsageIs {
  readonly cpuUs: number;
  readonly rss: number;
  readonly rereads: number;
}

export interface Asked {
  readonly n: number;
  readonly name: keyof Commands | 'stop';
  readonly given: unknown;
}
