import type { Broker, Flows } from '../../../src/index.js';
import { GoWorker } from './go-worker.js';
import { type PythonProcess } from './python-process.js';

/** A wait elsewhere: it listens from `listening` on. */
export interface Waiting {
  readonly listening: Promise<unknown>;
  readonly outcome: Promise<Outcome>;
}

/** How a flow ended, as every language can say it. */
export type Outcome = { readonly result: unknown } | { readonly failed: Failure };

export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly code?: string | null;
  readonly data?: unknown;
}

/** One who takes part in the flows of type `interop`, in whatever language. */
export interface Party {
  open(id: string): Promise<string>;
  wait(id: string): Waiting;
  complete(id: string, value: unknown): Promise<string>;
  fail(id: string, failure: Failure): Promise<string>;
}

export function nodeParty(broker: Broker): Party {
  const flows: Flows = broker.define('interop', { leaseMs: 1_000 });
  return {
    open: async (id) => (await flows.create(id)).verdict,
    wait: (id) => {
      const opened = flows.open(id);
      const outcome = opened
        .then(({ outcome: result }) => result)
        .then((result): Outcome => ({ result }), failureIn);
      return { listening: opened, outcome };
    },
    complete: async (id, value) => (await flows.complete(id, value)).verdict,
    fail: async (id, failure) =>
      (await flows.fail(id, Object.assign(new Error(failure.message), failure))).verdict,
  };
}

export function pythonParty(python: PythonProcess): Party {
  return {
    open: (id) => python.call('open', id),
    wait: (id) => {
      const { first, answer } = python.ask('wait', id);
      const outcome = answer.then((result): Outcome => ({ result }), failureIn);
      return { listening: first, outcome };
    },
    complete: (id, value) => python.call('complete', id, value),
    fail: (id, failure) => python.call('fail', id, failure),
  };
}

export function goParty(url: string): Party {
  const worker = new GoWorker(url);
  return {
    open: (id) => worker.run('open', id, '600000'),
    wait: (id) => {
      const { listening, output } = worker.wait(id);
      const outcome = output.then((line): Outcome => {
        const [status, ...rest] = line.split(' ');
        const payload: unknown = JSON.parse(rest.join(' ') || 'null');
        return status === 'COMPLETED' ? { result: payload } : { failed: payload as Failure };
      });
      return { listening, outcome };
    },
    complete: (id, value) => worker.run('COMPLETED', id, '-', JSON.stringify(value)),
    fail: (id, failure) => worker.run('FAILED', id, '-', JSON.stringify(failure)),
  };
}

function failureIn(error: unknown): Outcome {
  const { name, message, code, data } = (error as { cause: Failure }).cause;
  return { failed: { name, message, ...(code ? { code } : {}), ...(data ? { data } : {}) } };
}
