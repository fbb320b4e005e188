/** FROM. */
import { parseFlags } from '../flags.ts'
import { quote } from '../go-text.ts'
import type { Node } from '../node.ts'

/** The stage it begins: base, name in lower case (empty without one), platform as written. */
export function parseFrom(node: Node): { base: string; name: string; platform: string } {
  const name = stageName(node.args)
  const { platform } = parseFlags(node.flags, { platform: 'string' })
  return { base: node.args[0]!, name, platform: platform ?? '' }
}

function stageName(args: readonly string[]): string {
  const [, as, written] = args
  if (args.length === 3 && as!.toLowerCase() === 'as') {
    const name = written!.toLowerCase()
    if (/^[a-z][a-z0-9_.-]*$/.test(name)) return name
    throw new Error(
      `invalid name for build stage: ${quote(written!)}, ` +
        "name can't start with a number or contain symbols",
    )
  }
  if (args.length !== 1) throw new Error('FROM requires either one or three arguments')
  return ''
}
