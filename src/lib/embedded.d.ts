/** Files embedded in the binary: the import gives their path. */
declare module '*.wasm' {
  const path: string
  export default path
}
declare module '*.sql' {
  const path: string
  export default path
}
