/** The manifests of deploy/ say what the program says. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { parse, parseAllDocuments } from 'yaml'
import { readConfiguration } from '../../src/domain/configuration.ts'
import { CRDS } from '../../src/kube/crds.ts'

const read = (file: string) => readFileSync(`${import.meta.dir}/../../deploy/${file}`, 'utf8')

test('crds.yaml is what floatip installs itself', () => {
  const documents = parseAllDocuments(read('crds.yaml')).map(document => document.toJS() as object)
  expect(documents).toEqual([...CRDS])
})

test('configmap.yaml holds a configuration that is accepted without a warning', () => {
  const [map, lastGood] = parseAllDocuments(read('configmap.yaml')).map(document => document.toJS())
  const { data } = map as { data: { floatingips: string } }
  expect(lastGood).toMatchObject({ kind: 'ConfigMap', metadata: { name: `${map.metadata.name}-last-good` } })
  expect(readConfiguration(data.floatingips)).toMatchObject({ ok: true, configuration: { warnings: [] } })
})

test('one replica, never two processes on one ledger, without root, on a volume that outlives the pod', () => {
  const [claim, deployment] = parseAllDocuments(read('deployment.yaml')).map(document => document.toJS())
  expect(deployment.spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } })
  const { securityContext, containers, volumes } = deployment.spec.template.spec
  expect(securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532 })
  expect(containers[0].volumeMounts[0].mountPath).toBe('/var/lib/floatip')
  expect(volumes[0].persistentVolumeClaim.claimName).toBe(claim.metadata.name)
})

test('the scheduler is told to bind through floatip, and never without it', () => {
  const { extenders } = parse(read('scheduler-config.yaml'))
  expect(extenders).toHaveLength(1)
  expect(extenders[0]).toMatchObject({
    ...{ filterVerb: 'filter', prioritizeVerb: 'priority', bindVerb: 'bind', preemptVerb: 'preempt' },
    ...{ ignorable: false, nodeCacheCapable: true },
  })
})

test('maintenance.yaml has the ledger as floatip has it: the volume, the image, the user', () => {
  const [, deployment] = parseAllDocuments(read('deployment.yaml')).map(document => document.toJS())
  const floatip = deployment.spec.template.spec
  const { spec } = parse(read('maintenance.yaml'))
  const [container] = spec.containers
  const { image, securityContext, volumeMounts } = floatip.containers[0]
  expect(spec).toMatchObject({ securityContext: floatip.securityContext, volumes: floatip.volumes })
  expect(container).toMatchObject({ image, securityContext, volumeMounts })
})
