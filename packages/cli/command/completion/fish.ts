import type { Command } from '../command.ts'
import { fishScript } from './script.fish.ts'
import { shellCommand } from './shell.ts'

export const command: Command = shellCommand(
  'fish',
  'For this shell:      tdocker completion fish | source\nFor all to come:     tdocker completion fish > ~/.config/fish/completions/tdocker.fish',
  fishScript,
)
