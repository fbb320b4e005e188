/**
 * The filter table of iptables' older kind (kernel: include/uapi/linux/netfilter_ipv4/ip_tables.h,
 * netfilter_ipv6/ip6_tables.h), as IPT_SO_GET_INFO and IPT_SO_GET_ENTRIES tell it.
 */
export type LegacyFamily = 4 | 6

export interface LegacyTable {
  /** struct ipt_getinfo. */
  info: Buffer
  /** Rules, one after the other: struct ipt_entry or struct ip6t_entry. */
  entries: Buffer
}

export interface LegacyForward {
  /** Policy, or a rule for all packets, drops or rejects. */
  drops: boolean
  /** Plain accepts before that one, as `i BRIDGE` or `o BRIDGE`. */
  accepts: ReadonlySet<string>
}

const NF_INET_FORWARD = 2
const HOOK_ENTRY = 36
const UNDERFLOW = 56

interface Layout {
  /** Of both addresses and both masks, which come first. */
  addresses: number
  /** Of target_offset; next_offset follows. */
  offsets: number
  size: number
  /** From the protocol to the end of the match, by what each field means. */
  protocol: number
  inverted: number
}

/** struct ipt_ip, struct ip6t_ip6: addresses, two interface names, two masks of them, protocol. */
const LAYOUTS: Readonly<Record<LegacyFamily, Layout>> = {
  4: { addresses: 16, offsets: 88, size: 112, protocol: 80, inverted: 83 },
  6: { addresses: 64, offsets: 140, size: 168, protocol: 128, inverted: 132 },
}
const NAME_SIZE = 16

/** struct xt_standard_target: u16 size, name, u8 revision, then the verdict. */
const TARGET_NAME = 2
const TARGET_NAME_SIZE = 29
const TARGET_VERDICT = 32
/** -(verdict) - 1. */
const DROP = -1
const ACCEPT = -2

interface Rule {
  input: string
  output: string
  /** Nothing but names of interfaces is looked at. */
  plain: boolean
  target: string
  verdict: number
}

export function forwardOf(family: LegacyFamily, table: LegacyTable): LegacyForward {
  const rules = rulesOf(family, table)
  const accepts = new Set<string>()
  for (const rule of rules) {
    if (isForAll(rule) && isRefusal(rule)) return { drops: true, accepts }
    const accept = acceptOf(rule)
    if (accept !== undefined) accepts.add(accept)
  }
  return { drops: false, accepts }
}

/** The FORWARD chain; its policy is its last rule. */
function rulesOf(family: LegacyFamily, { info, entries }: LegacyTable): Rule[] {
  const end = info.readUInt32LE(UNDERFLOW + 4 * NF_INET_FORWARD)
  const rules: Rule[] = []
  for (let at = info.readUInt32LE(HOOK_ENTRY + 4 * NF_INET_FORWARD); at <= end;) {
    const layout = LAYOUTS[family]
    if (at + layout.size > entries.length) break
    const next = entries.readUInt16LE(at + layout.offsets + 2)
    if (next < layout.size) break
    rules.push(ruleAt(entries.subarray(at, at + next), layout))
    at += next
  }
  return rules
}

function ruleAt(entry: Buffer, layout: Layout): Rule {
  const { addresses, offsets, size, protocol, inverted } = layout
  const target = entry.readUInt16LE(offsets)
  const name = textAt(entry, target + TARGET_NAME, TARGET_NAME_SIZE)
  const isAny = (from: number, to: number): boolean =>
    entry.subarray(from, to).every((byte) => byte === 0)
  return {
    input: textAt(entry, addresses, NAME_SIZE),
    output: textAt(entry, addresses + NAME_SIZE, NAME_SIZE),
    // Extensions stand between the fixed part and the target.
    plain: target === size && isAny(0, addresses) && isAny(protocol, inverted + 1),
    target: name,
    verdict: name === '' ? entry.readInt32LE(target + TARGET_VERDICT) : 0,
  }
}

function textAt(bytes: Buffer, at: number, size: number): string {
  return bytes.toString('latin1', at, at + size).replace(/\0.*$/s, '')
}

function acceptOf({ input, output, plain, target, verdict }: Rule): string | undefined {
  if (!plain || target !== '' || verdict !== ACCEPT) return undefined
  if (input !== '' && output === '') return `i ${input}`
  return output !== '' && input === '' ? `o ${output}` : undefined
}

function isForAll({ input, output, plain }: Rule): boolean {
  return plain && input === '' && output === ''
}

function isRefusal({ target, verdict }: Rule): boolean {
  return target === 'REJECT' || (target === '' && verdict === DROP)
}
