import type { Case } from '../case.ts'
import { copy, copyRefused } from './copy.ts'

export const cases: readonly Case[] = [...copy, ...copyRefused]
