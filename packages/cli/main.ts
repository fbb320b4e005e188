#!/usr/bin/env -S node --
import { main } from './command/main.ts'

void main(process.argv.slice(2))
