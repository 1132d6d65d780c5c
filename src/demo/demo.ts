/** Owns `floatip demo`. */
export async function runDemo(options: {
  keep: boolean
  fast: boolean
  stage?: string
  schedulerConfig?: string
  serveCommand: string[]
}): Promise<number> {
  console.log(options)
  return 0
}
