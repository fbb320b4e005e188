/**
 * How many times slower than a machine of its own this one is: tests wait that much longer, and ask
 * that much less often. The emulated machine sets it.
 */
export const patience: number = Number(process.env['TDOCKER_TEST_PATIENCE'] ?? 1)
