import { Inject } from '@nestjs/common';
import type { FlowOptions } from 'flowbroker';

/** A flow type with its options, declared once and injected anywhere. */
export interface FlowDefinition<T> {
  readonly type: string;
  readonly options: FlowOptions<T>;
}

/**
 * Declares a flow type.
 *
 * @example
 * export const REPORTS = defineFlow<Report>('report', { timeoutMs: 60_000 });
 */
export function defineFlow<T>(type: string, options: FlowOptions<T> = {}): FlowDefinition<T> {
  return { type, options };
}

/** The provider token of a type's flows, for `useFactory: …, inject: [flowsToken(REPORTS)]` and `overrideProvider`. */
export function flowsToken({ type }: { readonly type: string }): string {
  return `flowbroker:flows:${type}`;
}

/** The provider token of the broker. */
export const BROKER = Symbol('flowbroker:broker');

/** Injects the `Flows` of a type: `@InjectFlows(REPORTS) private readonly reports: Flows<Report>`. */
export const InjectFlows = (definition: { readonly type: string }): ParameterDecorator & PropertyDecorator =>
  Inject(flowsToken(definition));

/** Injects the broker: `@InjectBroker() private readonly broker: Broker`. */
export const InjectBroker = (): ParameterDecorator & PropertyDecorator => Inject(BROKER);
