// One instance of the application.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { FlowErrorFilter } from './flowbroker/flow-error.filter.js';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.useGlobalFilters(new FlowErrorFilter());
  app.enableShutdownHooks(); // or SIGTERM closes nothing
  await app.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
  console.log(`listening on ${await app.getUrl()}`);
}

void main();
