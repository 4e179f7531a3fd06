import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Broker, FlowError, Flows } from 'flowbroker';
import { BROKER, defineFlow, flowsToken } from '../../../examples/nestjs/flowbroker/flow-definition.js';
import { FlowbrokerModule } from '../../../examples/nestjs/flowbroker/flowbroker.module.js';

const JOBS = defineFlow<string>('job');
const MAILS = defineFlow<string>('mail');

@Module({
  imports: [
    FlowbrokerModule.forRoot({ redis: process.env['REDIS_URL'] ?? '' }),
    FlowbrokerModule.forFeature(JOBS),
    FlowbrokerModule.forFeature(MAILS),
  ],
})
class WorkerModule {}

/** An application without HTTP: plain options, two features, and an end by `close`. */
async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(WorkerModule, { logger: ['error'] });
  const jobs = app.get<Flows<string>>(flowsToken(JOBS));
  console.log(await jobs.run('one', () => Promise.resolve('done')));
  console.log(app.get<Flows<string>>(flowsToken(MAILS)).type);
  await app.close();
  const broker = app.get<Broker>(BROKER);
  console.log(
    await jobs.get('one').catch((error: unknown) => (error as FlowError).code),
    broker.stats().handlers,
  );
}

void main();
