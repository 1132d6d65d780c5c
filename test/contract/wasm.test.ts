/** Owns the run of the contract on the WASM core. */
import { createCore } from '../../src/core/wasm.ts'
import { coreContract } from './core.contract.ts'
import { fuzzContract } from './fuzz.contract.ts'
import { largeContract } from './large.contract.ts'
import { createNaive } from './naive.ts'

coreContract('WASM core', createCore)
largeContract('WASM core', createCore)
fuzzContract('WASM core', createCore, createNaive)
