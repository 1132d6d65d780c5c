/** Owns reading a source file as a reader of rules sees it: without comments, without the inside of strings, its imports apart. */
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

export interface Import {
  /** Relative to the root of the project for our own files, else the package's name. */
  readonly target: string
  readonly own: boolean
  readonly typeOnly: boolean
}

export interface Source {
  readonly path: string
  readonly text: string
  /** Comments and the contents of strings blanked out, line by line. */
  readonly code: string
  readonly imports: readonly Import[]
}

export function readSource(path: string): Source {
  return sourceOf(path, readFileSync(path, 'utf8'))
}

export function sourceOf(path: string, text: string): Source {
  return { path, text, code: blank(text, true), imports: importsOf(path, blank(text, false)) }
}

/** Blanks comments, and with `strings` the inside of quotes too; template literals keep what stands in `${}`. */
export function blank(text: string, strings: boolean): string {
  const pattern = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g
  return text.replace(pattern, found => {
    if (found.startsWith('/')) return found.replace(/[^\n]/g, ' ')
    if (!strings) return found
    if (!found.startsWith('`')) return `''`
    return (found.match(/\$\{[^}]*\}/g) ?? []).join(' ') + '\n'.repeat(found.split('\n').length - 1)
  })
}

function importsOf(path: string, text: string): Import[] {
  const pattern = /^\s*(import|export)\s+(type\s+)?([\s\S]*?)\s*from\s*'([^']+)'/gm
  const found = [...text.matchAll(pattern)].map(([, , type, names = '', from = '']) => {
    // `import { type A, type B }` needs nothing at run time either.
    const named = /^\{([\s\S]*)\}$/.exec(names.trim())?.[1]
    const allTypes = named?.split(',').every(name => name.trim() === '' || name.trim().startsWith('type ')) ?? false
    return importOf(path, from, type !== undefined || allTypes)
  })
  const bare = [...text.matchAll(/^\s*import\s+'([^']+)'/gm)].map(([, from = '']) => importOf(path, from, false))
  // What is loaded later, or in a Worker, is imported as well.
  const late = [...text.matchAll(/\b(?:import|URL)\(\s*'(\.[^']+)'/g)].map(([, from = '']) =>
    importOf(path, from, false),
  )
  return [...found, ...bare, ...late]
}

function importOf(path: string, from: string, typeOnly: boolean): Import {
  const own = from.startsWith('.')
  return { target: own ? normalize(join(dirname(path), from)) : from, own, typeOnly }
}
