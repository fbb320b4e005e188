import type { Command } from '../command.ts'
import { zshScript } from './script.zsh.ts'
import { shellCommand } from './shell.ts'

export const command: Command = shellCommand(
  'zsh',
  'For this shell:      source <(tdocker completion zsh)\nFor all to come:     tdocker completion zsh > "${fpath[1]}/_tdocker"',
  zshScript,
)
