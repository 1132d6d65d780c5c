/** Owns the run of the contract on the naive twin: what the fuzz trusts is held to the same tables. */
import { coreContract } from './core.contract.ts'
import { createNaive } from './naive.ts'

coreContract('naive twin', createNaive)
