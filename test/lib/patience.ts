/** How many times longer than on a machine of its own a test waits; the emulated machine sets it. */
export const patience: number = Number(process.env['TDOCKER_TEST_PATIENCE'] ?? 1)
