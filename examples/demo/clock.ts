/** Milliseconds on a clock that all processes of one machine share and that never jumps. */
export function clock(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
