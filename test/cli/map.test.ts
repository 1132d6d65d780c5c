/** Owns the map of the address space. */
import { expect, test } from 'bun:test'
import { Ansis } from 'ansis'
import { mapOf } from '../../src/cli/map.ts'

const terminal = (width: number) => ({
  out() {},
  err() {},
  width,
  paint: new Ansis(0),
  isRead: true,
  isInteractive: false,
  confirm: async () => false,
})
const LEGEND =
  '· free   █ a pod has it   ▒ kept without a pod   ░ rests: a container may still use it   ▄ some of the block\n'

function subnet(ips: string[], total: number, free: number) {
  const run = { length: 0 }
  const rest = {
    gateway: '',
    vlan: 0,
    nodeSubnets: [],
    used: 0,
    reserved: 0,
    held: 0,
    resting: 0,
    orphaned: 0,
    largestFreeRun: run,
  }
  return { subnet: '10.0.0.0/24', ips, total, free, ...rest }
}
const taken = (ip: string, releasable = false) => ({ ip, updateTime: 'then', releasable })

test('one character for each address, over the gaps between ranges', () => {
  const items = [taken('10.0.0.2'), taken('10.0.0.9', true), taken('10.0.0.200')]
  expect(mapOf(terminal(40), [subnet(['10.0.0.2~10.0.0.5', '10.0.0.8~10.0.0.15'], 12, 10)], items)).toBe(
    ['10.0.0.0/24  2 of 12 taken', '10.0.0.2   █····▒······', '', LEGEND].join('\n'),
  )
})

test('what rests', () => {
  const items = [taken('10.0.0.3', true), { ...taken('10.0.0.4', true), resting: true }]
  expect(mapOf(terminal(40), [subnet(['10.0.0.2~10.0.0.5'], 4, 2)], items)).toContain('10.0.0.2  ·▒░·')
})

test('lines are as wide as the terminal', () => {
  const lines = mapOf(terminal(30), [subnet(['10.0.0.0~10.0.0.63'], 64, 64)], []).split('\n')
  expect(lines.slice(1, 5).map(line => line.length)).toEqual([27, 27, 27, 27])
  expect(lines[2]?.startsWith('10.0.0.16')).toBe(true)
})

test('many addresses share their cells', () => {
  const items = [taken('10.0.0.0'), taken('10.0.0.1')]
  const text = mapOf(terminal(80), [subnet(['10.0.0.0~10.0.255.255'], 65_536, 65_534)], items)
  expect(text).toContain('one cell is 32 addresses')
  expect(text).toContain('10.0.0.0')
  expect(text.split('\n')[1]).toMatch(/^10\.0\.0\.0 +▄·+$/)
})

test('IPv6 too', () => {
  const text = mapOf(terminal(80), [subnet(['2001:db8::1~2001:db8::4'], 4, 3)], [taken('2001:db8::3', true)])
  expect(text.split('\n')[1]).toBe('2001:db8::1  ··▒·')
})
