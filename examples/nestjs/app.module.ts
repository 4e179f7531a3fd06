import { Injectable, Module } from '@nestjs/common';
import { AppController } from './app.controller.js';
import { FlowbrokerModule } from './flowbroker/flowbroker.module.js';
import { APPROVALS, REPORTS } from './flows.js';
import { ReportsService } from './reports.service.js';

/** Stands for `ConfigService` of @nestjs/config. */
@Injectable()
class Settings {
  readonly redisUrl = process.env['REDIS_URL'] ?? 'redis://localhost:6379';
  readonly prefix = process.env['FLOW_PREFIX'];
  readonly drainMs = Number(process.env['DRAIN_MS'] ?? 5_000);
}

@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Module({
  imports: [
    FlowbrokerModule.forRootAsync({
      imports: [SettingsModule],
      inject: [Settings],
      useFactory: ({ redisUrl, prefix, drainMs }: Settings) => ({ redis: redisUrl, prefix, drainMs }),
    }),
    FlowbrokerModule.forFeature(REPORTS, APPROVALS),
  ],
  controllers: [AppController],
  providers: [ReportsService],
})
export class AppModule {}
