import type { Command } from '../command.ts'
import { bashScript } from './script.bash.ts'
import { shellCommand } from './shell.ts'

export const command: Command = shellCommand(
  'bash',
  'For this shell:      source <(tdocker completion bash)\nFor all to come:     tdocker completion bash > /etc/bash_completion.d/tdocker',
  bashScript,
)
