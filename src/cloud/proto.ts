/** Owns the wire contract with address providers: galaxy's proto, to the letter, embedded as text. */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import protobuf from 'protobufjs'
import { present } from '../lib/assert.ts'

const PROTO = `
syntax = "proto3";

package rpc;

service IPProviderService {
  rpc AssignIP (AssignIPRequest) returns (AssignIPReply) {}
  rpc UnAssignIP (UnAssignIPRequest) returns (UnAssignIPReply) {}
}

message AssignIPRequest {
  string node_name = 1;
  string IP_address = 2;
}

message AssignIPReply {
  bool success = 1;
  string msg = 2;
}

message UnAssignIPRequest {
  string node_name = 1;
  string IP_address = 2;
}

message UnAssignIPReply {
  bool success = 1;
  string msg = 2;
}
`

export interface ProviderRequest {
  readonly node_name: string
  readonly IP_address: string
}

export interface ProviderReply {
  readonly success: boolean
  readonly msg: string
}

export type ProviderMethod = MethodDefinition<ProviderRequest, ProviderReply>

export interface ProviderMethods {
  readonly AssignIP: ProviderMethod
  readonly UnAssignIP: ProviderMethod
}

/** keepCase: without it `IP_address` becomes `IPAddress` and is lost. */
export function providerMethods(): ProviderMethods {
  const { root } = protobuf.parse(PROTO, { keepCase: true })
  const definitions = fromJSON(root.toJSON(), { keepCase: true, defaults: true })
  const service = present(
    definitions['rpc.IPProviderService'],
    'the service of the embedded proto',
  ) as ServiceDefinition
  return service as unknown as ProviderMethods
}
