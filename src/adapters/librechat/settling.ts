import type { SettleCallOptions, SettleResult } from '../../api/calls.js';
import type { Flows } from '../../api/flows.js';
import { amend, remove } from './amend.js';
import { onlyFor, type Attempt, type GuardedResult } from './attempt.js';
import { standing, type FlowMetadata, type FlowStatus, type Stored } from './flow-state.js';

/** What a flow is settled with. */
export type Value<T> = { readonly result: T } | { readonly error: Error | string };

/** The flows of one type, for whoever settles them. */
export class Settling<T> {
  readonly #flows: Flows<T, FlowMetadata>;
  readonly #retained: boolean;

  constructor(flows: Flows<T, FlowMetadata>, retained: boolean) {
    this.#flows = flows;
    this.#retained = retained;
  }

  /** Settles it over anything but a result. False if there is none; true, and nothing changed, where a result stands. */
  async settle(id: string, value: Value<T>): Promise<boolean> {
    const { verdict, record } = await this.#write(id, value);
    if (verdict === 'applied' || verdict === 'duplicate') return true;
    const unlessCompleted = (found: Stored<T> | undefined): boolean | undefined => {
      const stands = standing(found, this.#retained);
      if (!stands) return false;
      return stands.status === 'COMPLETED' ? true : undefined;
    };
    const refused = await amend(record, unlessCompleted, (options) => this.#write(id, value, options));
    return refused ?? true;
  }

  /** Settles this attempt, if it has one of these statuses. */
  async settleIf(
    id: string,
    attempt: Attempt,
    from: readonly FlowStatus[],
    value: Value<T>,
  ): Promise<GuardedResult> {
    const decide = onlyFor<T>(attempt, this.#retained, from);
    const refused = await amend(await this.#flows.get(id), decide, (options) =>
      this.#write(id, value, options),
    );
    return refused ?? 'updated';
  }

  async deleteIf(id: string, attempt: Attempt): Promise<GuardedResult> {
    const decide = onlyFor<T>(attempt, this.#retained, ['PENDING', 'COMPLETED', 'FAILED']);
    return (await remove(this.#flows, id, decide)) ?? 'updated';
  }

  #write(id: string, value: Value<T>, options?: SettleCallOptions): Promise<SettleResult<T, FlowMetadata>> {
    return 'result' in value
      ? this.#flows.complete(id, value.result, options)
      : this.#flows.fail(id, value.error, options);
  }
}
