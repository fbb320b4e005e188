/** Where findings go: those that nobody has asked to skip. */
import type { CheckOptions, Lines, Warning } from '../instruction.ts'
import { DETAILS, type Findings, RULES, type RuleName } from './rules.ts'

/** Reports a finding of `rule`; the rest are what its sentence tells. */
export type Report = <R extends RuleName>(rule: R, lines: Lines, ...finding: Findings[R]) => void

/** Adds to `warnings` what neither the file's options nor the instruction's own (`local`) skip. */
export function reportTo(warnings: Warning[], options: CheckOptions, local?: CheckOptions): Report {
  return (rule, lines, ...finding) => {
    if (!wanted(rule, options, local)) return
    const { description, url } = RULES[rule]
    warnings.push({ rule, description, url, detail: DETAILS[rule](...finding), lines })
  }
}

function wanted(name: RuleName, options: CheckOptions, local?: CheckOptions): boolean {
  const all = local ? [options, local] : [options]
  if (RULES[name].experimental) {
    return all.some((one) => one.experimentalAll || one.experimental.includes(name))
  }
  return !all.some((one) => one.skipAll || one.skip.includes(name))
}

/** `lint violation found for rules: A, B`; undefined when there are none. */
export function violations(warnings: readonly Warning[]): string | undefined {
  if (warnings.length === 0) return undefined
  const rules = [...new Set(warnings.map(({ rule }) => rule))]
  return `lint violation found for rules: ${rules.join(', ')}`
}
