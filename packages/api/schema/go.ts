/**
 * Request schemas carry, beside JSON Schema's own words, what the daemon's decoder needs to read a
 * body the way Docker's clients expect it to be read:
 *
 * - `go` on objects and integers: the type's name in error sentences, and an integer's range
 *   (int64 where nothing is said);
 * - `go` on strings: a type with a parser of its own, whose words refuse a bad one;
 * - `keys` on maps: the same for the keys;
 * - `embeds` on objects: which fields come from which embedded struct, for error sentences.
 */
import { Type } from 'typebox'

/** `{}`, the value of a set's member. */
export const EmptyStruct = Type.Object({}, { go: 'struct {}' })

/** An IP address, or empty. */
export const Address = Type.String({ go: 'netip.Addr' })

/** A block of IP addresses, or empty. */
export const Prefix = Type.String({ go: 'netip.Prefix' })

/** A MAC address, or empty. */
export const HardwareAddress = Type.String({ go: 'network.HardwareAddr' })

/** [height, width] in characters. */
export const ConsoleSize = Type.Array(Type.Integer({ go: 'uint' }), { go: '[2]uint' })
