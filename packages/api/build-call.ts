/**
 * What `POST /build?call=check|outline|targets` (a parameter of ours) answers: its text as `stream`,
 * and a message with this id whose `aux` has the same in BuildKit's JSON (frontend/subrequests).
 */
export const BUILD_CALL_ID = 'tdocker.build.call'

export interface BuildCallAnswer {
  name: 'check' | 'outline' | 'targets'
  /** What a command line is to exit with. */
  status: 0 | 1
  /** `result.json` of BuildKit's subrequest. */
  result: object
}

export interface WireLocation {
  ranges?: Array<{ start: { line: number }; end: { line: number } }>
}
