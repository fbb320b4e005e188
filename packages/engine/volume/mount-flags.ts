/** Words of mount(8) for the driver option `o`, as moby/sys/mount reads them; the rest is data. */
const FLAGS: Readonly<Record<string, { flag: number; clear?: true }>> = {
  ro: { flag: 0x1 },
  rw: { flag: 0x1, clear: true },
  nosuid: { flag: 0x2 },
  suid: { flag: 0x2, clear: true },
  nodev: { flag: 0x4 },
  dev: { flag: 0x4, clear: true },
  noexec: { flag: 0x8 },
  exec: { flag: 0x8, clear: true },
  sync: { flag: 0x10 },
  async: { flag: 0x10, clear: true },
  remount: { flag: 0x20 },
  mand: { flag: 0x40 },
  nomand: { flag: 0x40, clear: true },
  dirsync: { flag: 0x80 },
  noatime: { flag: 0x400 },
  atime: { flag: 0x400, clear: true },
  nodiratime: { flag: 0x800 },
  diratime: { flag: 0x800, clear: true },
  bind: { flag: 0x1000 },
  rbind: { flag: 0x5000 },
  unbindable: { flag: 0x20000 },
  runbindable: { flag: 0x24000 },
  private: { flag: 0x40000 },
  rprivate: { flag: 0x44000 },
  slave: { flag: 0x80000 },
  rslave: { flag: 0x84000 },
  shared: { flag: 0x100000 },
  rshared: { flag: 0x104000 },
  relatime: { flag: 0x200000 },
  norelatime: { flag: 0x200000, clear: true },
  strictatime: { flag: 0x1000000 },
  nostrictatime: { flag: 0x1000000, clear: true },
}

const MS_REC = 0x4000
/** Shared, slave, private, unbindable: changed by a call of their own, which tells no `MS_REC` apart. */
const PROPAGATION = 0x1e0000

export interface MountData {
  /** MS_* of mount(2). */
  flags: number
  /** For the file system. */
  data: string
}

/** `ro,size=1m` → flags and what the file system is told. */
export function parseMountOptions(text: string): MountData {
  let flags = 0
  const data: string[] = []
  for (const word of text.split(',')) {
    const known = Object.hasOwn(FLAGS, word) ? FLAGS[word] : undefined
    if (!known) data.push(word)
    else if (known.clear) flags &= ~known.flag
    else flags |= known.flag
  }
  return { flags, data: data.join(',') }
}

/** Whether what is mounted brings its submounts along. */
export function isRecursive(flags: number): boolean {
  return (flags & MS_REC) !== 0
}

/** `mount dev:/x, flags: 0x1000, data: a=b: no such device`, as Docker tells of a failed mount. */
export function mountSentence(o: {
  operation: string
  device: string
  target: string
  flags: number
  data: string
  reason: string
}): string {
  const remount = o.operation !== 'mount'
  const flags = (o.flags & ~PROPAGATION) | (remount ? 0x20 : 0)
  const source = !remount && o.device !== '' ? `${o.device}:` : ''
  const shownFlags = flags === 0 ? '' : `, flags: 0x${flags.toString(16)}`
  const shownData = remount || o.data === '' ? '' : `, data: ${o.data}`
  return `${o.operation} ${source}${o.target}${shownFlags}${shownData}: ${o.reason}`
}
