/**
 * Import this first: the test file starts again in a network namespace of its own, which plays the
 * host. Whatever a test does to links, rules and sysctls, the machine never sees it, and nothing can
 * be left behind.
 */
const MARK = 'TDOCKER_TEST_NETNS'

if (process.env[MARK] === undefined) {
  const node = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  process.execve?.('/usr/bin/unshare', ['unshare', '--net', ...node], {
    ...process.env,
    [MARK]: '1',
  })
}

export {}
