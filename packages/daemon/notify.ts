import { execFile } from 'node:child_process'

/**
 * sd_notify(3): Node has no datagram sockets of the UNIX family, so systemd's own program speaks
 * for us (the unit says NotifyAccess=all). Does nothing outside of systemd.
 */
export function notifyReady(warn: (error: Error) => void): void {
  if (!process.env['NOTIFY_SOCKET']) return
  execFile('systemd-notify', ['--ready', `--pid=${process.pid}`], (error) => {
    if (error) warn(error)
  })
}
