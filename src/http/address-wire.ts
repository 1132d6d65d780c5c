/** Owns the reading of an address that a person writes. */
import { type Address, parseAddress } from '../ip/address.ts'
import { BadRequest } from './json.ts'

export function readAddress(text: string, where: string): Address {
  const address = parseAddress(text)
  if (address === null) throw new BadRequest(`${where} must be an IP address, not ${JSON.stringify(text)}`)
  return address
}
