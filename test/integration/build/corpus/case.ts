/** What a case of the corpus is: a context and a Dockerfile, and what of the language it shows. */
import type { Files } from '../build-rig.ts'

export interface Case {
  /** Names its golden file: unique. */
  name: string
  /** Forms and flags of `language.ts`. */
  covers: readonly string[]
  /** Dockerfile and context. Everything in it dates from `CONTEXT_TIME`, unless it says otherwise. */
  files: Files
  /** Of `POST /build`. */
  query?: Readonly<Record<string, string>>
  /** Docker's classic builder (20.10) makes the same of it. */
  classic?: true
}

/** Lines of a Dockerfile. */
export function lines(...text: string[]): string {
  return `${text.join('\n')}\n`
}

/** Of files in contexts: told in trees, where it is kept. */
export const CONTEXT_TIME: Date = new Date(1_000_000_000_000)

export function file(
  content: string,
  more: Partial<{
    mode: number
    uid: number
    gid: number
    mtime: Date
    pax: Record<string, string>
  }> = {},
): Files[string] {
  return { type: 'file', content, mtime: CONTEXT_TIME, ...more }
}

export function directory(
  more: Partial<{ mode: number; uid: number; gid: number; mtime: Date }> = {},
): Files[string] {
  return { type: 'directory', mode: 0o755, mtime: CONTEXT_TIME, ...more }
}

export function symlink(linkname: string): Files[string] {
  return { type: 'symlink', linkname, mtime: CONTEXT_TIME }
}

export function hardlink(linkname: string): Files[string] {
  return { type: 'link', linkname, mtime: CONTEXT_TIME }
}
