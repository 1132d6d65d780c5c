/** Owns the commands for people: which there are, all on the HTTP API. */
import type { Command } from 'commander'
import { backupCommand } from './backup.ts'
import { checkCommand } from './check.ts'
import type { Surface } from './command.ts'
import { completionCommand } from './completion.ts'
import { configCommands, type Validate } from './config.ts'
import { eventsCommand } from './events.ts'
import { explainCommands } from './explain.ts'
import { exportCommand } from './export.ts'
import { importCommand } from './import.ts'
import { ipCommands } from './ip.ts'
import { planCommands } from './plan.ts'
import { poolCommands } from './pool.ts'
import { reserveCommands } from './reserve.ts'
import { subnetCommands } from './subnet.ts'

export function withPeopleCommands(program: Command, surface: Surface, validate: Validate): void {
  const ip = ipCommands(program, surface)
  reserveCommands(ip, surface)
  poolCommands(program, surface)
  subnetCommands(program, surface)
  explainCommands(program, surface)
  planCommands(program, surface)
  checkCommand(program, surface)
  eventsCommand(program, surface)
  configCommands(program, surface, validate)
  backupCommand(program, surface)
  exportCommand(program, surface)
  importCommand(program, surface)
  completionCommand(program, surface)
}
