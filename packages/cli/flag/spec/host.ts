import { isIP } from 'node:net'
import { quote } from '../scalar.ts'

/** `--dns 10.0.0.1`. */
export function checkAddress(text: string): string {
  const ip = text.trim()
  if (isIP(ip) === 0) throw new Error(`IP address is not correctly formatted: ${text}`)
  return ip
}

/** `--add-host name:ip`, `name=ip`, `name:[::1]`, `name:host-gateway`. */
export function checkExtraHost(text: string): string {
  const at = text.includes('=') ? text.indexOf('=') : text.indexOf(':')
  const name = at < 0 ? '' : text.slice(0, at)
  if (name === '' || name.includes(':')) throw new Error(`bad format for add-host: ${quote(text)}`)
  const raw = text.slice(at + 1)
  if (raw === 'host-gateway') return `${name}:${raw}`
  const ip = raw.length > 2 && raw.startsWith('[') && raw.endsWith(']') ? raw.slice(1, -1) : raw
  if (isIP(ip.trim()) === 0) throw new Error(`invalid IP address in add-host: ${quote(ip)}`)
  return `${name}:${ip}`
}

const domain = /^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*/

/** `--dns-search example.com`; `.` stands for "no search domain". */
export function checkDnsSearch(text: string): string {
  const value = text.replace(/^ +| +$/g, '')
  if (value === '.') return value
  const name = domain.exec(value)?.[0] ?? ''
  const rest = value.slice(name.length)
  if (!/[a-zA-Z]/.test(value) || name === '' || name.length >= 255 || !/^\.?\s*$/.test(rest)) {
    throw new Error(`${value} is not a valid domain`)
  }
  return name
}

/** `--link name[:alias]`. */
export function checkLink(text: string): string {
  if (text === '') throw new Error('empty string specified for links')
  if (text.split(':').length > 2) throw new Error(`bad format for links: ${text}`)
  return text
}

export function isMac(text: string): boolean {
  return (
    /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text.trim()) ||
    /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i.test(text.trim())
  )
}
