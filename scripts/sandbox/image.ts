/**
 * Builds the image that the sandbox starts Python from: the memory of an interpreter that has started and loaded its
 * library, taken from Pyodide once. The sandbox then needs none of Pyodide's JavaScript.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { loadPyodide } from 'pyodide'
import type { ImageHeader } from '../../engine/sandbox/child/image.ts'

/** Starts Python from the files in `pyodide`, the package's folder. Returns the gzipped image. */
export async function buildImage(pyodide: string, driver: string): Promise<Buffer> {
  const binary = readFileSync(join(pyodide, 'pyodide.asm.wasm'))
  const module = await WebAssembly.compile(binary)
  let imports: WebAssembly.Imports = {}
  let instance: WebAssembly.Instance | undefined
  const { instantiate } = WebAssembly
  // Pyodide instantiates its module here; this is the one place where its parts can be had.
  WebAssembly.instantiate = (async (bytes: Uint8Array, given: WebAssembly.Imports) => {
    if (bytes.byteLength !== binary.byteLength) return instantiate(bytes, given)
    imports = given
    instance = new WebAssembly.Instance(module, given)
    return { instance, module }
  }) as typeof instantiate
  try {
    const python = await loadPyodide({
      indexURL: pyodide,
      jsglobals: {},
      // Else the image would hold a path of this machine.
      _sysExecutable: '/python',
      env: { HOME: '/', PYTHONHASHSEED: '0' },
      lockFileContents: readFileSync(join(pyodide, 'pyodide-lock.json'), 'utf8'),
    })
    const globals = python.toPy({ SOURCE: driver, __name__: 'prepare' }) as never
    python.runPython(readFileSync(join(import.meta.dirname, 'prepare.py'), 'utf8'), { globals })
  } finally {
    WebAssembly.instantiate = instantiate
  }
  if (instance === undefined) throw new Error('Pyodide did not instantiate its module.')
  return pack(module, instance, imports)
}

function pack(
  module: WebAssembly.Module,
  instance: WebAssembly.Instance,
  imports: WebAssembly.Imports,
): Buffer {
  const { exports } = instance
  const memory = exports.memory as WebAssembly.Memory
  const stackPointer = (exports.__stack_pointer as WebAssembly.Global).value as number
  // Makes the interpreter ask the host for signals while it runs.
  const address = (name: string) => (exports[name] as WebAssembly.Global).value as number
  const view = new DataView(memory.buffer)
  view.setInt32(address('Py_EMSCRIPTEN_SIGNAL_HANDLING'), 1, true)
  // Pyodide's trampoline is a second module that only newer engines can compile: go through `_PyEM_TrampolineCall_JS`.
  const offset = view.getInt32(address('_PyEM_EMSCRIPTEN_TRAMPOLINE_OFFSET'), true)
  view.setInt32(address('_PyRuntime') + offset, 0, true)

  const named = new Map(Object.entries(exports).map(([name, value]) => [value, name]))
  const table = exports.__indirect_function_table as WebAssembly.Table
  const fresh = new WebAssembly.Instance(module, stubs(module)).exports
    .__indirect_function_table as WebAssembly.Table
  const header: ImageHeader = {
    stackPointer,
    tableLength: table.length,
    table: [],
    globals: WebAssembly.Module.imports(module)
      .filter(({ kind }) => kind === 'global')
      .map(({ module: from, name }) => [
        from,
        name,
        (imports[from]![name] as WebAssembly.Global).value as number,
      ]),
  }
  for (let index = fresh.length; index < table.length; index++) {
    const name = named.get(table.get(index) as WebAssembly.ExportValue)
    if (name !== undefined) header.table.push([index, name])
  }
  const head = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(head.length)
  return gzipSync(Buffer.concat([length, head, Buffer.from(memory.buffer)]), { level: 9 })
}

/** Returns imports that let the module be instantiated but not run. */
function stubs(module: WebAssembly.Module): WebAssembly.Imports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module))
    (imports[from] ??= {})[name] =
      kind === 'global' ? new WebAssembly.Global({ value: 'i32', mutable: true }, 0) : () => 0
  return imports
}
