import { defineFlow } from './flowbroker/flow-definition.js';

export interface Report {
  readonly name: string;
  readonly madeBy: string;
}

export interface Approval {
  readonly by: string;
}

export const REPORTS = defineFlow<Report>('report', { timeoutMs: 60_000 });
export const APPROVALS = defineFlow<Approval>('approval', { timeoutMs: 3_600_000 });
