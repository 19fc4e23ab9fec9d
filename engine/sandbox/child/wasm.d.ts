/** The part of WebAssembly's JavaScript interface that is used here; TypeScript has it only in the DOM's library. */
declare namespace WebAssembly {
  type ExportValue = ((...args: number[]) => unknown) | Global | Memory | Table
  type ImportValue = ExportValue
  type Imports = Record<string, Record<string, ImportValue>>

  class Module {
    constructor(bytes: Uint8Array)
    static imports(module: Module): { module: string; name: string; kind: string }[]
  }
  class Instance {
    constructor(module: Module, imports: Imports)
    readonly exports: Record<string, ExportValue>
  }
  class Memory {
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  class Table {
    readonly length: number
    get(index: number): unknown
    set(index: number, value: unknown): void
    grow(count: number): number
  }
  class Global {
    constructor(type: { value: 'i32'; mutable: boolean }, value: number)
    value: number
  }
  function compile(bytes: Uint8Array): Promise<Module>
  function instantiate(
    bytes: Uint8Array,
    imports: Imports,
  ): Promise<{ module: Module; instance: Instance }>
}
