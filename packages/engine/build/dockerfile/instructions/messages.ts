/** Sentences that several instructions share. */

export const atLeastOneArgument = (keyword: string): Error =>
  new Error(`${keyword} requires at least one argument`)

export const exactlyOneArgument = (keyword: string): Error =>
  new Error(`${keyword} requires exactly one argument`)

export const blankNames = (keyword: string): Error => new Error(`${keyword} names can not be blank`)
