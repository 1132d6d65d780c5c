/** Owns the types of files embedded in the binary: the import gives their path, on disk or inside it. */
declare module '*.wasm' {
  const path: string
  export default path
}
declare module '*.sql' {
  const path: string
  export default path
}
declare module '*.html' {
  const path: string
  export default path
}
declare module '*.css' {
  const path: string
  export default path
}
declare module 'swagger-ui-dist/swagger-ui-bundle.js' {
  const path: string
  export default path
}
declare module '*/docs-start.js' {
  const path: string
  export default path
}
