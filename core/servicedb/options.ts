/** What a configuration says under `services`, filled in. */
export interface ServiceDBOptions {
  /** How long an instance whose lease ended is kept as `error` before it is removed. */
  readonly forgetAfterMs: number;
  readonly massSilenceShare: number;
  readonly massSilenceWindowMs: number;
  readonly massSilenceMaxMs: number;
  /** More instances than this are refused. */
  readonly maxInstances: number;
}
