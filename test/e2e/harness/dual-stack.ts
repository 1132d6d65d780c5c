/** Owns a small cluster of both families: its entries, its nodes, and how the object of an address is named. */

/** `both`: nodes and pods of both families. `four`, `six`: of one. `mixed`: nodes of IPv4 alone, pods of both. */
export const ENTRIES = [
  {
    nodeSubnets: ['10.60.0.0/24'],
    ips: ['10.61.0.10~10.61.0.99'],
    subnet: '10.61.0.0/24',
    gateway: '10.61.0.1',
    vlan: 4,
  },
  {
    nodeSubnets: ['fd60::/64'],
    ips: ['2001:db8:61::10~2001:db8:61::ff'],
    subnet: '2001:db8:61::/64',
    gateway: '2001:db8:61::1',
    vlan: 6,
  },
  { nodeSubnets: ['10.60.1.0/24'], ips: ['10.61.1.10~10.61.1.19'], subnet: '10.61.1.0/24', gateway: '10.61.1.1' },
  {
    nodeSubnets: ['fd60:0:0:1::/64'],
    ips: ['2001:db8:62::/125'],
    subnet: '2001:db8:62::/64',
    gateway: '2001:db8:62::ffff',
  },
  { nodeSubnets: ['10.60.2.0/24'], ips: ['10.61.2.10~10.61.2.19'], subnet: '10.61.2.0/24', gateway: '10.61.2.1' },
  {
    nodeSubnets: ['10.60.2.0/24'],
    ips: ['2001:db8:63::10-2001:db8:63::1f'],
    subnet: '2001:db8:63::/64',
    gateway: '2001:db8:63::1',
  },
]
export const NODES: readonly (readonly [string, readonly string[], string])[] = [
  ['both-0', ['10.60.0.10', 'fd60::10'], 'both'],
  // As a kubelet with IPv6 as its first family tells it.
  ['both-1', ['fd60::11', '10.60.0.11'], 'both'],
  ['four-0', ['10.60.1.10'], 'four'],
  ['six-0', ['fd60:0:0:1::10'], 'six'],
  ['mixed-0', ['10.60.2.10'], 'mixed'],
]

/** As its FloatingIP object is named. */
export function objectName(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail = ''] = address.split('::')
  const parts = (text: string) => text.split(':').filter(Boolean)
  const zeros = Array.from({ length: 8 - parts(head).length - parts(tail).length }, () => '0')
  return [...parts(head), ...zeros, ...parts(tail)].map(part => part.padStart(4, '0')).join('-')
}
