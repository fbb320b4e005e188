import { type EngineError, invalidParameter } from '../base/errors.ts'

/** ctrl-p, ctrl-q */
const DEFAULT_KEYS: readonly number[] = [16, 17]
const CONTROL = 'abcdefghijklmnopqrstuvwxyz[\\]^_'

/**
 * `ctrl-p,ctrl-q`, `a,b`, `DEL` → key bytes; the default when empty. `failure` makes the
 * error of the keys.
 */
export function parseDetachKeys(
  text: string | undefined,
  failure: (keys: string) => EngineError = (keys) =>
    invalidParameter(`Invalid detach keys (${keys}) provided`),
): readonly number[] {
  if (!text) return DEFAULT_KEYS
  return text.split(',').map((key) => {
    const code = keyCode(key)
    if (code === undefined) throw failure(text)
    return code
  })
}

function keyCode(key: string): number | undefined {
  if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0)
  if (key === 'DEL') return 127
  if (key === 'ctrl-@') return 0
  const control = /^ctrl-(.)$/.exec(key)?.[1]
  const index = control === undefined ? -1 : CONTROL.indexOf(control)
  return index < 0 ? undefined : index + 1
}
