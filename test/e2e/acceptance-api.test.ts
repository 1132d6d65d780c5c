/** Owns the proof of the API's port as scripts see it: every parameter of the list, releases. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { HASH, type Hand, type Item, ownedByDeployment, ownedBySet, startHand, TWENTY } from './harness/by-hand.ts'
import { eventually } from './harness/kube.ts'
import { type Pod, paths } from './harness/objects.ts'
import { STAGE_LIMIT_MS, type Stage } from './harness/stage.ts'

const LIMIT_MS = 120_000
let stage: Stage
let hand: Hand
const made = new Map<string, { pod: Pod; ip: string }>()
const ipOf = (name: string) => made.get(name)?.ip ?? 'none'

beforeAll(async () => {
  ;({ stage, hand } = await startHand(TWENTY, ['n1', 'n2']))
  const sts = (name: string) => ({ owner: ownedBySet(name), policy: 'never' })
  for (const [ns, name, options] of [
    ['n1', 'sts-0', sts('sts')],
    ['n1', 'sts-1', sts('sts')],
    ['n1', 'sts-10', sts('sts')],
    ['n1', 'sts2-0', sts('sts2')],
    ['n2', 'sts-0', sts('sts')],
    ['n2', 'dp-69fd8dbc5c-a', { owner: ownedByDeployment('dp'), labels: HASH }],
    ['n2', 'dp-69fd8dbc5c-b', { owner: ownedByDeployment('dp'), labels: HASH, pool: 'pool-1' }],
    ['n2', 'tapp-0', { owner: { apiVersion: 'apps.tkestack.io/v1', kind: 'TApp', name: 'tapp' } }],
    ['n2', 'bare', {}],
  ] as const) {
    const pod = await hand.pod(ns, name, options)
    if ('pool' in options) await hand.api('POST', '/v1/pool', { name: 'pool-1', size: 2 })
    const [ip = ''] = await hand.place(pod, ['a-0'])
    made.set(`${ns}/${name}`, { pod, ip })
  }
}, STAGE_LIMIT_MS)

afterAll(async () => await stage?.stop(), LIMIT_MS)

const names = ({ content }: { content: readonly Item[] }) =>
  content.map(({ namespace, podName }) => `${namespace}/${podName}`).sort()

describe('GET /v1/ip', () => {
  test.each([
    ['appName=sts&appType=statefulsets&namespace=n1', ['n1/sts-0', 'n1/sts-1', 'n1/sts-10']],
    ['appName=sts&appType=statefulset&namespace=n1', ['n1/sts-0', 'n1/sts-1', 'n1/sts-10']],
    ['appName=sts&appType=StatefulSet&namespace=n1', ['n1/sts-0', 'n1/sts-1', 'n1/sts-10']],
    ['appName=sts&namespace=n1', ['n1/sts-0', 'n1/sts-1', 'n1/sts-10']],
    ['appName=sts&namespace=n1&podName=sts-1', ['n1/sts-1']],
    ['appName=sts', ['n1/sts-0', 'n1/sts-1', 'n1/sts-10', 'n2/sts-0']],
    ['podName=sts-0', ['n1/sts-0', 'n2/sts-0']],
    ['podName=sts-0&namespace=n2', ['n2/sts-0']],
    ['namespace=n2&appType=deployment', ['n2/dp-69fd8dbc5c-a', 'n2/dp-69fd8dbc5c-b']],
    ['namespace=n2&appType=deployments', ['n2/dp-69fd8dbc5c-a', 'n2/dp-69fd8dbc5c-b']],
    ['appName=dp&appType=deployment&namespace=n2', ['n2/dp-69fd8dbc5c-a', 'n2/dp-69fd8dbc5c-b']],
    ['poolName=pool-1', ['n2/dp-69fd8dbc5c-b']],
    ['poolName=pool-1&appName=dp&appType=deployment&namespace=n2', ['n2/dp-69fd8dbc5c-b']],
    ['appType=tapp', ['n2/tapp-0']],
    ['appType=tapps&namespace=n2', ['n2/tapp-0']],
    ['appType=TApp', ['n2/tapp-0']],
    ['namespace=n1', ['n1/sts-0', 'n1/sts-1', 'n1/sts-10', 'n1/sts2-0']],
    ['keyword=sts_n1_sts_', ['n1/sts-0', 'n1/sts-1', 'n1/sts-10']],
    ['keyword=n1_sts', ['n1/sts-0', 'n1/sts-1', 'n1/sts-10', 'n1/sts2-0']],
    ['keyword=tapp', ['n2/tapp-0']],
    ['keyword=pool__pool-1_', ['n2/dp-69fd8dbc5c-b']],
    ['keyword=bare', ['n2/bare']],
    ['keyword=NULL_', ['n2/bare']],
    ['keyword=-0&namespace=n2', ['n2/sts-0', 'n2/tapp-0']],
    ['keyword=%25', []],
    [
      'keyword=_',
      [
        'n1/sts-0',
        'n1/sts-1',
        'n1/sts-10',
        'n1/sts2-0',
        'n2/bare',
        'n2/dp-69fd8dbc5c-a',
        'n2/dp-69fd8dbc5c-b',
        'n2/sts-0',
        'n2/tapp-0',
      ],
    ],
    ["keyword=';drop", []],
    ['namespace=none', []],
    ['appName=st&namespace=n1', []],
    ['podName=sts-0&appName=', ['n1/sts-0', 'n2/sts-0']],
  ])('%s', async (query, expected) => {
    const reply = await hand.list(query)
    expect(names(reply)).toEqual(expected)
    expect(reply).toMatchObject({ totalElements: expected.length, first: true, last: true, number: 0, size: 10 })
  })

  test('without a parameter: every configured address, the free ones with nothing but ip and policy', async () => {
    for (const query of ['', 'page=0', 'size=9999', 'keyword=', 'namespace=&appName=']) {
      const reply = await hand.list(query)
      expect(reply.totalElements).toBe(20)
    }
    const { content } = await hand.list('size=20')
    expect(content.map(({ ip }) => ip).slice(0, 7)).toEqual([5, 6, 7, 8, 9, 10, 11].map(at => `10.50.0.${at}`))
    const free = content.filter(({ podName, poolName }) => podName === undefined && poolName === undefined)
    expect(free).toHaveLength(11)
    for (const each of free) expect(each).toEqual({ ip: each.ip, policy: 0 } as never)
  })

  test.each([
    ['', { size: 10, number: 0, numberOfElements: 10, totalPages: 2, first: true, last: false }],
    ['page=1', { size: 10, number: 1, numberOfElements: 10, totalPages: 2, first: false, last: true }],
    ['page=1&size=15', { size: 15, number: 1, numberOfElements: 5, totalPages: 2, first: false, last: true }],
    ['size=3&page=2', { size: 3, number: 2, numberOfElements: 3, totalPages: 7, first: false, last: false }],
    ['page=-1', { number: 0, first: true }],
    ['page=x', { number: 0, first: true }],
    ['page=', { number: 0, first: true }],
    ['page=1.5', { number: 0 }],
    ['size=x', { size: 10 }],
    ['size=', { size: 10 }],
    ['size=10000', { size: 9999, numberOfElements: 20, totalPages: 1, last: true }],
    ['size=99999999999999999999', { size: 10 }],
    ['size=0', { size: 10, totalPages: 2 }],
    ['size=-1', { size: 10 }],
    ['page=7', { number: 2, numberOfElements: 0, first: false, last: true, totalElements: 20 }],
    ['page=100000', { number: 2, numberOfElements: 0, last: true }],
    ['page=1&page=0&size=15&size=3', { size: 15, number: 1 }],
  ])('pages: %s', async (query, expected) => {
    expect(await hand.list(query)).toMatchObject(expected)
  })

  test.each([
    ['ip', 'ip', 1],
    ['ip asc', 'ip', 1],
    ['ip desc', 'ip', -1],
    ['IP DESC', 'ip', -1],
    ['namespace asc', 'namespace', 1],
    ['namespace desc', 'namespace', -1],
    ['podname', 'podName', 1],
    ['podname asc', 'podName', 1],
    ['podname desc', 'podName', -1],
    ['podName desc', 'podName', -1],
    ['policy', 'policy', 1],
    ['policy desc', 'policy', -1],
  ] as const)('sort=%s', async (sort, field, sign) => {
    for (const encoded of [encodeURIComponent(sort), sort.replaceAll(' ', '+')]) {
      const { content } = await hand.list(`keyword=_&sort=${encoded}`)
      expect(content).toHaveLength(9)
      const of = (item: Item) => (field === 'ip' ? Number(item.ip.split('.')[3]) : (item[field] ?? ''))
      const values = content.map(of)
      expect(values).toEqual(values.toSorted((a, b) => (a < b ? -sign : a > b ? sign : 0)))
    }
  })

  test.each(['node', 'ip up', 'asc', 'updateTime desc'])('sort=%s is a 400', async sort => {
    const reply = await hand.api('GET', `/v1/ip?sort=${encodeURIComponent(sort)}`)
    expect(reply).toMatchObject({ status: 400, body: { code: 400, message: expect.stringContaining('sort') } })
  })

  test('an item has galaxy’s fields', async () => {
    const { content } = await hand.list('podName=sts-0&namespace=n1')
    const phase = content[0]?.status
    expect(content).toEqual([
      {
        ...{ ip: ipOf('n1/sts-0'), namespace: 'n1', appName: 'sts', podName: 'sts-0', policy: 2 },
        ...{ appType: 'statefulset', updateTime: expect.stringMatching(/^\d{4}-.*Z$/) as never },
        ...{ status: phase as never },
      },
    ])
  })

  test('the status is the pod’s phase', async () => {
    const pod = await hand.pod('n1', 'phased', { owner: ownedBySet('phased'), policy: 'never' })
    await hand.place(pod, ['b-0'])
    if (stage.cluster.kind === 'demo') return
    for (const phase of ['Pending', 'Running', 'Failed']) {
      await stage.kube.patch(`${paths.pods('n1')}/phased/status`, { status: { phase } })
      const ask = async () => (await hand.list('podName=phased')).content[0]
      await eventually(`it is ${phase}`, async () => (await ask())?.status === phase, { withinMs: 2000 })
    }
    await hand.remove(pod)
    await eventually('Deleted', async () => (await hand.list('podName=phased')).content[0]?.status === 'Deleted', {
      withinMs: 2000,
    })
    expect((await hand.list('podName=phased')).content[0]?.releasable).toBe(true)
  })
})

const release = (...ips: unknown[]) => hand.api('POST', '/v1/ip', { ips })

describe('POST /v1/ip', () => {
  test('of running pods: 202, unreleased and reasons in the same order; nothing is freed', async () => {
    const { content } = await hand.list('appName=sts&namespace=n1')
    const reply = await release(...content)
    expect(reply.status).toBe(202)
    expect(reply.body).toMatchObject({ code: 202, unreleased: content.map(({ ip }) => ip) })
    expect(reply.body.reasons).toHaveLength(3)
    expect((await hand.list('appName=sts&namespace=n1')).totalElements).toBe(3)
  })

  test.each([
    ['an address that is none', [{ ip: '10.0.0' }]],
    ['a second one that is none', [{ ip: '10.50.0.5' }, { ip: 'x' }]],
    ['an empty one', [{ ip: '' }]],
    ['no address', [{ appName: 'sts' }]],
    ['a type that is none', [{ ip: '10.50.0.5', appType: 'sts_x' }]],
  ])('400 for %s', async (_, ips) => {
    const reply = await release(...ips)
    expect(reply).toMatchObject({ status: 400, body: { code: 400, message: expect.stringMatching(/./) } })
  })

  test('what the list shows can be released as shown, bare pods and extra fields too, once the pod is gone', async () => {
    for (const [name, query] of [
      ['n1/sts-10', 'podName=sts-10'],
      ['n1/sts2-0', 'podName=sts2-0'],
    ] as const) {
      const held = made.get(name)
      if (held === undefined) throw new Error(name)
      await hand.remove(held.pod)
      const shown = await eventually(
        'releasable',
        async () => (await hand.list(query)).content.find(each => each.releasable),
        { withinMs: 2000 },
      )
      const wrong = await release({ ...shown, podName: 'other-0', status: undefined })
      expect(wrong.status).toBe(202)
      expect(await release(shown)).toMatchObject({ status: 200, text: '{"code":200,"message":""}' })
      expect((await hand.list(query)).totalElements).toBe(0)
      expect(await hand.stored(held.ip)).toBeNull()
      expect((await release(shown)).status).toBe(200)
    }
  })

  test('keys in any case, null for absent, appType missing is statefulset', async () => {
    const pod = await hand.pod('n1', 'cased-0', { owner: ownedBySet('cased'), policy: 'never' })
    const [ip] = await hand.place(pod, ['b-0'])
    await hand.remove(pod)
    await eventually('kept', async () => (await hand.list('podName=cased-0')).content[0]?.releasable, {
      withinMs: 2000,
    })
    const item = { IP: ip, AppName: 'cased', podname: 'cased-0', NAMESPACE: 'n1', poolName: null }
    expect(await hand.api('POST', '/v1/ip', { IPs: [item] })).toMatchObject({ status: 200 })
    expect((await hand.list('podName=cased-0')).totalElements).toBe(0)
  })

  test.each([
    ['without a Content-Type', {}],
    ['with a charset', { 'content-type': 'application/json; charset=utf-8' }],
    ['as curl -d sends it', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('a body %s', async (_, headers) => {
    const body = JSON.stringify({ ips: [{ ip: '10.50.4.7', appName: 'a', namespace: 'b', podName: 'c' }] })
    const reply = await hand.api('POST', '/v1/ip', body, headers as never)
    expect(reply).toMatchObject({ status: 200, body: { code: 200, message: '' } })
  })

  test('an empty list is done', async () => {
    expect(await release()).toMatchObject({ status: 200, body: { code: 200, message: '' } })
  })
})
