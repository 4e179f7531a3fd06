import {
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type FactoryProvider,
  type ModuleMetadata,
  type Provider,
} from '@nestjs/common';
import { createBroker, type Broker, type BrokerOptions } from 'flowbroker';
import { BROKER, flowsToken, type FlowDefinition } from './flow-definition.js';

const OPTIONS = Symbol('flowbroker:options');

/** The broker's options, and how long handlers of `run` may take to finish when the application stops. */
export interface FlowbrokerModuleOptions extends BrokerOptions {
  /** Default 10,000. */
  readonly drainMs?: number;
}

/** Options that other providers know, such as a `ConfigService`. */
export interface FlowbrokerModuleAsyncOptions
  extends
    Pick<ModuleMetadata, 'imports'>,
    Pick<FactoryProvider<FlowbrokerModuleOptions>, 'useFactory' | 'inject'> {}

/**
 * One broker for the application, injected with `@InjectBroker()`, and the flows of each type that a module names in `forFeature`, injected
 * with `@InjectFlows(DEFINITION)`. Call `app.enableShutdownHooks()`, or SIGTERM closes nothing.
 *
 * @example
 * imports: [FlowbrokerModule.forRoot({ redis: 'redis://localhost:6379' }), FlowbrokerModule.forFeature(REPORTS, APPROVALS)]
 */
@Module({})
export class FlowbrokerModule implements BeforeApplicationShutdown {
  constructor(
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(OPTIONS) private readonly options: FlowbrokerModuleOptions,
  ) {}

  static forRoot(options: FlowbrokerModuleOptions): DynamicModule {
    return rootModule({ provide: OPTIONS, useValue: options });
  }

  static forRootAsync({
    imports = [],
    inject = [],
    useFactory,
  }: FlowbrokerModuleAsyncOptions): DynamicModule {
    return { ...rootModule({ provide: OPTIONS, inject, useFactory }), imports };
  }

  /** Provides the flows of these types to the module that imports it. */
  static forFeature(...definitions: readonly FlowDefinition<never>[]): DynamicModule {
    const providers = definitions.map((definition): FactoryProvider => ({
      provide: flowsToken(definition),
      inject: [BROKER],
      useFactory: (broker: Broker) => broker.define(definition.type, definition.options),
    }));
    return { module: FlowFeatureModule, providers, exports: providers };
  }

  /**
   * Not `onApplicationShutdown`: Nest calls that once the HTTP server has answered its last request, and a request that waits for a flow is
   * answered only when the flow ends, or when the broker closes.
   */
  async beforeApplicationShutdown(): Promise<void> {
    await this.broker.close({ drainMs: this.options.drainMs ?? 10_000 });
  }
}

/** Apart from the root module, whose hook would otherwise be called once for each feature. */
@Module({})
class FlowFeatureModule {}

function rootModule(options: Provider): DynamicModule {
  const broker: FactoryProvider<Broker> = {
    provide: BROKER,
    inject: [OPTIONS],
    useFactory: ({ drainMs: _drainMs, ...brokerOptions }: FlowbrokerModuleOptions) =>
      createBroker(brokerOptions),
  };
  return { module: FlowbrokerModule, global: true, providers: [options, broker], exports: [BROKER] };
}
