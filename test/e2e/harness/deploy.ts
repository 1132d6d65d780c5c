/** Owns the installation as a user does it: the manifests of deploy/, exactly, and the service account that they make. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { eventually, type Kube, type KubeObject } from './kube.ts'

const FOLDER = join(import.meta.dir, '../../../deploy')
const FILES = ['crds.yaml', 'rbac.yaml', 'configmap.yaml', 'deployment.yaml']
const ACCOUNT = { namespace: 'kube-system', name: 'floatip' }
/** Longer than any run. */
const TOKEN_SECONDS = 24 * 3600

/** The collection of each kind that the manifests use; a kind that is not here fails the installation. */
const COLLECTIONS: Readonly<Record<string, (namespace: string) => string>> = {
  CustomResourceDefinition: () => '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  ServiceAccount: namespace => `/api/v1/namespaces/${namespace}/serviceaccounts`,
  ClusterRole: () => '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: () => '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  Role: namespace => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`,
  RoleBinding: namespace => `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`,
  ConfigMap: namespace => `/api/v1/namespaces/${namespace}/configmaps`,
  Pod: namespace => `/api/v1/namespaces/${namespace}/pods`,
  PersistentVolumeClaim: namespace => `/api/v1/namespaces/${namespace}/persistentvolumeclaims`,
  Deployment: namespace => `/apis/apps/v1/namespaces/${namespace}/deployments`,
  ValidatingAdmissionPolicy: () => '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: () => '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  Service: namespace => `/api/v1/namespaces/${namespace}/services`,
}

/** Applies deploy/ with these `floatingips` in its ConfigMap; nothing else is changed. Without its definitions where others are there. */
export async function install(kube: Kube, floatingips: string, { definitions = true } = {}): Promise<void> {
  await eventually('namespace kube-system', () => kube.find('/api/v1/namespaces/kube-system'))
  for (const object of FILES.slice(definitions ? 0 : 1).flatMap(objectsIn))
    await apply(kube, object.kind === 'ConfigMap' && 'data' in object ? withData(object, floatingips) : object)
}

function withData(map: KubeObject, floatingips: string): KubeObject & { data: object } {
  return { ...map, data: { floatingips } }
}

/** One more file of deploy/, exactly. */
export async function installFile(kube: Kube, file: string): Promise<void> {
  for (const object of objectsIn(file)) await apply(kube, object)
}

async function apply(kube: Kube, object: KubeObject): Promise<void> {
  const collection = COLLECTIONS[object.kind ?? '']
  if (collection === undefined) throw new Error(`deploy/: no collection is known for kind ${object.kind}`)
  await kube.create(collection(object.metadata.namespace ?? ''), object)
}

function objectsIn(file: string): KubeObject[] {
  return parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8')).map(document => document.toJS() as KubeObject)
}

/** A kubeconfig with a token of the service account: what floatip may do is what deploy/rbac.yaml says. */
export async function accountKubeconfig(kube: Kube, adminKubeconfig: string, folder: string): Promise<string> {
  const { namespace, name } = ACCOUNT
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { name },
    spec: { expirationSeconds: TOKEN_SECONDS },
  }
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`
  const { status } = await kube.create<KubeObject & { status?: { token: string } }>(path, request)
  const admin = parse(readFileSync(adminKubeconfig, 'utf8')) as { clusters: { name: string }[] }
  const cluster = admin.clusters[0]?.name
  const file = join(folder, 'floatip.kubeconfig')
  const kubeconfig = {
    ...{ apiVersion: 'v1', kind: 'Config', clusters: admin.clusters, 'current-context': name },
    users: [{ name, user: { token: status?.token } }],
    contexts: [{ name, context: { cluster, user: name } }],
  }
  writeFileSync(file, stringify(kubeconfig), { mode: 0o600 })
  return file
}
