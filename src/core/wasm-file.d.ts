/** Owns the type of an embedded WebAssembly file: its path, on disk or inside the compiled binary. */
declare module '*.wasm' {
  const path: string
  export default path
}
