/** Owns the wire names that pods, CNI plugins and scripts know. */

/** A container that requests it asks for a float IP. */
export const RESOURCE = 'tke.cloud.tencent.com/eni-ip'
export const POLICY_ANNOTATION = 'k8s.v1.cni.galaxy.io/release-policy'
export const POOL_ANNOTATION = 'tke.cloud.tencent.com/eni-ip-pool'
/** The request, and after the bind the answer too. */
export const ARGS_ANNOTATION = 'k8s.v1.cni.galaxy.io/args'
/** Patched with a new value to wake a waiting pod. */
export const RETRY_ANNOTATION = 'k8s.v1.cni.galaxy.io/ip-retry'
