import { Body, Controller, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import type { Broker, BrokerStats, Flows } from 'flowbroker';
import { InjectBroker, InjectFlows } from './flowbroker/flow-definition.js';
import { APPROVALS, type Approval } from './flows.js';
import { ReportsService } from './reports.service.js';

@Controller()
export class AppController {
  constructor(
    private readonly reports: ReportsService,
    @InjectFlows(APPROVALS) private readonly approvals: Flows<Approval>,
    @InjectBroker() private readonly broker: Broker,
  ) {}

  @Get('reports/:name')
  report(
    @Param('name') name: string,
    @Query('ms') takesMs = '200',
  ): Promise<{ name: string; madeBy: string }> {
    return this.reports.make(name, Number(takesMs));
  }

  /** Asks for an approval, and answers once it is decided, on whichever instance. */
  @Post('approvals/:id')
  @HttpCode(200)
  async approval(@Param('id') id: string): Promise<Approval> {
    const { outcome } = await this.approvals.open(id, { waitMs: 25_000 });
    console.log(`waiting for ${id}`);
    return outcome;
  }

  @Put('approvals/:id')
  async decide(@Param('id') id: string, @Body() { by }: Approval): Promise<{ verdict: string }> {
    const { verdict } = await this.approvals.complete(id, { by });
    return { verdict };
  }

  @Get('stats')
  stats(): BrokerStats {
    return this.broker.stats();
  }
}
