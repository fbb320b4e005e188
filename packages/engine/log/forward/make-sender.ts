import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import tls from 'node:tls'
import { DEFAULT_TAG, type LogInfo, logTag } from '../driver/log-info.ts'
import type { LogOptions } from '../driver/options.ts'
import {
  parseFacility,
  parseFormat,
  parseSyslogAddress,
  type SyslogAddress,
} from '../driver/syslog-options.ts'
import { type DatagramNative, UdpSender, UnixDatagramSender } from './datagram-sender.ts'
import { dial, dialError } from './dial.ts'
import type { LogEntry } from './entry.ts'
import { journalFields, journalMessage } from './journal-message.ts'
import type { LogSender } from './sender.ts'
import { StreamSender } from './stream-sender.ts'
import { syslogMessage } from './syslog-format.ts'

const SYSTEM_SOCKETS = ['/dev/log', '/var/run/syslog', '/var/run/log']
const CONFIRM_AFTER_MS = 1000

/** Of `journald` or `syslog`. Throws a plain Error in moby's words for options that make no sense. */
export async function makeSender(
  driver: string,
  info: LogInfo,
  o: { native: DatagramNative; journalSocket: string },
): Promise<LogSender> {
  return driver === 'journald' ? journaldSender(info, o) : syslogSender(info, o.native)
}

function journaldSender(
  info: LogInfo,
  { native, journalSocket }: { native: DatagramNative; journalSocket: string },
): LogSender {
  const fields = journalFields(info, randomBytes(32).toString('hex'))
  let ordinal = 0
  const sender = new UnixDatagramSender({
    native,
    paths: [journalSocket],
    encode: (entry) => journalMessage(entry, fields, ++ordinal),
    memfd: true,
    confirmAfterMs: 0,
  })
  return withErrors(sender, () => new Error('journald is not enabled on this host'))
}

async function syslogSender(info: LogInfo, native: DatagramNative): Promise<LogSender> {
  const { config } = info
  const address = parseSyslogAddress(config['syslog-address'] ?? '')
  const format = parseFormat(config['syslog-format'] ?? '')
  const settings = {
    format,
    facility: parseFacility(config['syslog-facility'] ?? ''),
    tag: logTag(info, DEFAULT_TAG),
    counted: address.kind === 'tcp+tls' && format.startsWith('rfc5424'),
  }
  const encode = (entry: LogEntry): Buffer | undefined => syslogMessage(entry, settings)
  switch (address.kind) {
    case 'system':
      return withErrors(datagrams(native, SYSTEM_SOCKETS, encode), () => {
        return new Error('Unix syslog delivery error')
      })
    case 'unixgram':
      return withErrors(datagrams(native, [address.path], encode), (error) =>
        dialError(error, 'unixgram', address.path),
      )
    case 'unix':
      return withErrors(new StreamSender(() => dial({ path: address.path }), encode), (error) =>
        dialError(error, 'unix', address.path),
      )
    case 'udp':
      return withErrors(new UdpSender(address.host, address.port, encode), (error) =>
        dialError(error, 'udp', hostPort(address)),
      )
    default:
      return tcpSender(address, config, encode)
  }
}

async function tcpSender(
  address: Extract<SyslogAddress, { host: string }>,
  config: LogOptions,
  encode: (entry: LogEntry) => Buffer | undefined,
): Promise<LogSender> {
  const secure = address.kind === 'tcp+tls' ? { tls: await tlsOptions(config) } : {}
  const { port } = address
  const host = address.host || 'localhost'
  return withErrors(new StreamSender(() => dial({ host, port, ...secure }), encode), (error) =>
    dialError(error, 'tcp', hostPort({ host, port })),
  )
}

function hostPort({ host, port }: { host: string; port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function datagrams(
  native: DatagramNative,
  paths: readonly string[],
  encode: (entry: LogEntry) => Buffer | undefined,
): UnixDatagramSender {
  const confirmAfterMs = CONFIRM_AFTER_MS
  return new UnixDatagramSender({ native, paths, encode, memfd: false, confirmAfterMs })
}

/** `syslog-tls-*`, as go-connections' tlsconfig.Client reads them. */
async function tlsOptions(config: LogOptions): Promise<tls.ConnectionOptions> {
  const options: tls.ConnectionOptions = { minVersion: 'TLSv1.2' }
  // Its mere presence counts, whatever it says.
  if ('syslog-tls-skip-verify' in config) options.rejectUnauthorized = false
  const authority = config['syslog-tls-ca-cert']
  if (authority) {
    const read = readFile(authority, 'utf8').catch((error: unknown) => {
      throw new Error(`could not read CA certificate "${authority}": ${openError(error)}`)
    })
    options.ca = [...tls.rootCertificates, await read]
  }
  const { 'syslog-tls-cert': certificate, 'syslog-tls-key': key } = config
  if (!certificate && !key) return options
  try {
    options.cert = await readFile(certificate ?? '', 'utf8')
    options.key = await readFile(key ?? '', 'utf8')
  } catch (error) {
    throw new Error(`could not load X509 key pair: ${openError(error)}`, { cause: error })
  }
  return options
}

function openError(error: unknown): string {
  const { code, path = '', message } = error as NodeJS.ErrnoException
  return code === 'ENOENT' ? `open ${path}: no such file or directory` : message
}

/** `open` fails in the driver's words. */
function withErrors(sender: LogSender, words: (error: unknown) => Error): LogSender {
  const open = sender.open.bind(sender)
  sender.open = async () => {
    try {
      await open()
    } catch (error) {
      throw words(error)
    }
  }
  return sender
}
