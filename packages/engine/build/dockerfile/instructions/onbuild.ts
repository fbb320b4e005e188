/** ONBUILD. */
import { parseFlags } from '../flags.ts'
import { trimSpace } from '../go-text.ts'
import type { Node } from '../node.ts'
import { atLeastOneArgument } from './messages.ts'

/** Its value is the trigger with its heredocs, as it is parsed again when it runs. */
export function parseOnbuild(node: Node): { kind: 'onbuild'; value: string } {
  if (!node.child) throw atLeastOneArgument('ONBUILD')
  parseFlags(node.flags, {})
  const trigger = trimSpace(node.child.keyword).toUpperCase()
  if (trigger === 'ONBUILD') {
    throw new Error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
  }
  if (trigger === 'MAINTAINER' || trigger === 'FROM') {
    throw new Error(`${trigger} isn't allowed as an ONBUILD trigger`)
  }
  const expression = node.text.replace(/^[\t\n\f\r ]*ONBUILD[\t\n\f\r ]*/i, '')
  const heredocs = node.heredocs.map(({ name, content }) => `\n${content}${name}`)
  return { kind: 'onbuild', value: expression + heredocs.join('') }
}
