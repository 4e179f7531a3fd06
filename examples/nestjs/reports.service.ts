import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Flows } from 'flowbroker';
import { InjectFlows } from './flowbroker/flow-definition.js';
import { REPORTS, type Report } from './flows.js';

@Injectable()
export class ReportsService {
  constructor(@InjectFlows(REPORTS) private readonly reports: Flows<Report>) {}

  /** However many ask, on however many instances: one makes it. */
  make(name: string, takesMs: number): Promise<Report> {
    return this.reports.run(name, async ({ signal }) => {
      console.log(`making ${name}`);
      await delay(takesMs, undefined, { signal }); // stands for the work
      return { name, madeBy: process.env['NAME'] ?? 'somebody' };
    });
  }
}
