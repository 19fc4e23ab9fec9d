/**
 * Programs that try to leave the sandbox or to exhaust it. Each with what its call has to lead to: `reach` fails or
 * abstains, `limit` fails, or the harmless value.
 */
export type Wanted = 'reach' | 'limit' | { value: string | RegExp }
export type Attack = [name: string, program: string, wanted: Wanted]

const call = (body: string): string => `def f():\n    ${body.split('\n').join('\n    ')}`
const js = (body: string): string => `function f() {\n${body}\n}`

/** `canary` is a file of the user, `port` a server on this machine that counts connections. */
export const python = (canary: string, port: number): Attack[] => [
  // Files
  ['reads a file', call(`return open(${JSON.stringify(canary)}).read()`), 'reach'],
  ['writes a file', call(`open(${JSON.stringify(canary)}, 'w').write('x')`), 'reach'],
  [
    'reads a file by its number',
    call('import os\nreturn [os.read(n, 10) for n in range(3, 30)]'),
    'reach',
  ],
  [
    'opens a file below io',
    call(`import os\nreturn os.open(${JSON.stringify(canary)}, os.O_RDWR)`),
    'reach',
  ],
  [
    'opens a file with pathlib',
    call(`import pathlib\nreturn pathlib.Path(${JSON.stringify(canary)}).read_text()`),
    'reach',
  ],
  ['lists folders', call("import os\nreturn os.listdir('/')"), 'reach'],
  ['deletes a file', call(`import os\nos.remove(${JSON.stringify(canary)})`), 'reach'],
  ['makes a temporary file', call('import tempfile\nreturn tempfile.mkdtemp()'), 'reach'],
  ['reads /proc', call("return open('/proc/self/environ', 'rb').read()"), 'reach'],
  ['reads its own code', call("return open('/lib/python314.zip', 'rb').read(10)"), 'reach'],
  [
    'makes a link',
    call(`import os\nos.symlink(${JSON.stringify(canary)}, 'x')\nreturn open('x').read()`),
    'reach',
  ],
  ['walks up the folders', call("import os\nos.chdir('..')\nreturn os.getcwd()"), 'reach'],
  [
    'reads with an audit hook gone',
    call("import io\nreturn io.FileIO('/etc/passwd').read()"),
    'reach',
  ],
  // The network
  [
    'opens a socket',
    call(`import socket\nsocket.create_connection(('127.0.0.1', ${port}))`),
    'reach',
  ],
  [
    'opens a socket below socket',
    call(`import _socket\n_socket.socket().connect(('127.0.0.1', ${port}))`),
    'reach',
  ],
  [
    'fetches a page',
    call(`import urllib.request\nurllib.request.urlopen('http://127.0.0.1:${port}')`),
    'reach',
  ],
  ['serves', call("import http.server\nhttp.server.HTTPServer(('', 0), None)"), 'reach'],
  [
    'brings back socket',
    call(
      "import sys\nfor n in ('socket', '_socket'): sys.modules.pop(n, None)\nimport _socket\n_socket.socket()",
    ),
    'reach',
  ],
  [
    'asks for an address',
    call(
      "import sys\nsys.modules.pop('_socket', None)\nimport _socket\n_socket.getaddrinfo('localhost', 80)",
    ),
    'reach',
  ],
  // Processes and threads
  ['runs a command', call("import os\nreturn os.system('touch /tmp/braid-attack')"), 'reach'],
  ['runs a process', call("import subprocess\nreturn subprocess.run(['ls'])"), 'reach'],
  [
    'runs a process below subprocess',
    call(
      "import sys\nsys.modules.pop('_posixsubprocess', None)\nimport _posixsubprocess\n_posixsubprocess.fork_exec()",
    ),
    'reach',
  ],
  ['forks', call('import os\nreturn os.fork()'), 'reach'],
  ['replaces itself', call("import os\nos.execv('/bin/sh', ['sh'])"), 'reach'],
  ['kills', call('import os\nos.kill(os.getppid(), 9)'), 'reach'],
  ['starts a thread', call('import threading\nthreading.Thread(target=print).start()'), 'reach'],
  ['ends the process', call('import os\nos._exit(3)'), 'reach'],
  ['aborts', call('import os\nos.abort()'), 'reach'],
  ['sends itself a signal', call('import signal\nsignal.raise_signal(signal.SIGKILL)'), 'reach'],
  // The environment
  ['reads the environment', call('import os\nreturn dict(os.environ)'), { value: '{}' }],
  ['asks who it is', call('import os\nreturn os.getuid(), os.getpid()'), { value: '(0, 42)' }],
  // JavaScript and native code
  ['imports js', call('import js\nreturn js.process.env'), 'reach'],
  ['imports pyodide', call("from pyodide.code import run_js\nreturn run_js('process')"), 'reach'],
  [
    'finds pyodide in memory',
    call(
      "import gc\nfor x in gc.get_objects():\n    if type(x).__name__ == 'JsProxy': return x.constructor.constructor('return process')()\nraise LookupError",
    ),
    'reach',
  ],
  [
    'brings back pyodide',
    call(
      "import sys\nsys.modules.pop('_pyodide_core', None)\nimport _pyodide_core\nreturn _pyodide_core.run_js('process')",
    ),
    'reach',
  ],
  ['imports ctypes', call('import ctypes\nreturn ctypes.string_at(0)'), 'reach'],
  [
    'brings back ctypes',
    call(
      "import sys\nsys.modules.pop('_ctypes', None)\nimport _ctypes\n_ctypes.dlopen('libc.so', 0)",
    ),
    'reach',
  ],
  [
    'loads a library',
    call(
      "import _imp\nfrom importlib.machinery import ModuleSpec\nreturn _imp.create_dynamic(ModuleSpec('x', None, origin='/lib/x.so'))",
    ),
    'reach',
  ],
  [
    'climbs through subclasses',
    call(
      "for c in ().__class__.__base__.__subclasses__():\n    if c.__name__ == 'Popen': return c('ls')\nraise LookupError",
    ),
    'reach',
  ],
  [
    'climbs through builtins',
    call("return print.__self__.__dict__['__import__']('subprocess').run('ls')"),
    'reach',
  ],
  [
    'climbs through a traceback',
    call(
      "try: 1 / 0\nexcept Exception as e: return e.__traceback__.tb_frame.f_back.f_globals['os'].system('ls')",
    ),
    'reach',
  ],
  [
    'makes bytecode',
    call(
      'import types\nc = (lambda: 0).__code__\nreturn eval(c.replace(co_code=bytes([100, 255] * 4), co_consts=()))',
    ),
    'limit',
  ],
  // Its own run
  [
    'forges an outcome',
    call('import os\nos.write(11, b\'{"value": "7"}\')\nreturn 1'),
    { value: '7' },
  ],
  ['forges a huge outcome', call("import os\nos.write(11, b'x' * 10**7)"), 'limit'],
  ['forges a mark', call("import os\nos.write(12, b'begin 7')"), 'limit'],
  [
    'forges messages on its output',
    call(`print('{"id":0,"done":true}')\nprint('{"ready":true}')`),
    { value: /done/ },
  ],
  [
    'breaks the driver',
    call("import sys\nsys.modules['_braid'].Text = None\nreturn 1"),
    { value: '1' },
  ],
  [
    'ends the driver',
    call("import sys\nsys.modules['_braid'].step = None\nraise SystemExit"),
    'limit',
  ],
  [
    'replaces builtins',
    call('import builtins\nbuiltins.isinstance = lambda *a: True\nreturn 1'),
    'limit',
  ],
  [
    'takes the alarm away',
    call('import signal\nsignal.signal(14, signal.SIG_IGN)\nwhile True: pass'),
    'limit',
  ],
  // Time
  ['loops', call('while True: pass'), 'limit'],
  [
    'loops and catches everything',
    call('while True:\n    try:\n        while True: pass\n    except BaseException: pass'),
    'limit',
  ],
  ['computes a huge power', call('return 9 ** 9 ** 9'), 'limit'],
  ['shifts far', call('return len(str(1 << 10 ** 8))'), 'limit'],
  ['counts forever', call('import itertools\nreturn sum(itertools.count())'), 'limit'],
  [
    'returns an endless generator',
    call('return iter(int, 1)'),
    { value: /^iterator\[0, 0, .*\.\.\.\]$/ },
  ],
  [
    'matches an exploding expression',
    call("import re\nreturn re.match(r'(a+)+$', 'a' * 40 + 'b')"),
    'limit',
  ],
  ['sleeps', call('import time\ntime.sleep(3600)'), 'limit'],
  [
    'writes an endless digit string',
    call('import sys\nsys.set_int_max_str_digits(0)\nreturn len(str(7 ** 4000000))'),
    'limit',
  ],
  // Memory
  ['takes a huge list', call('return [0] * 10 ** 9'), 'limit'],
  ['takes a huge range', call('return list(range(10 ** 9))'), 'limit'],
  ['multiplies a string', call("return 'x' * 10 ** 10"), 'limit'],
  ['doubles a string', call("s = 'x'\nwhile True: s += s"), 'limit'],
  [
    'doubles a list and catches',
    call('x = [1]\nwhile True:\n    try: x += x\n    except MemoryError: pass'),
    'limit',
  ],
  ['pads a number', call("return f'{1:>{10 ** 9}}'"), 'limit'],
  [
    'unpacks a bomb',
    call("import zlib\nreturn zlib.decompress(zlib.compress(b'0' * 10 ** 7) * 1, bufsize=10 ** 9)"),
    'limit',
  ],
  // Depth and size
  ['recurses', call('return f()'), 'limit'],
  [
    'recurses without a limit',
    call('import sys\nsys.setrecursionlimit(10 ** 9)\nreturn f()'),
    'limit',
  ],
  ['nests lists', call('x = []\nfor i in range(10 ** 5): x = [x]\nreturn x'), 'limit'],
  ['contains itself', call('x = []\nx.append(x)\nreturn x'), 'limit'],
  ['shows nested lists', call('x = []\nfor i in range(10 ** 5): x = [x]\nreturn repr(x)'), 'limit'],
  ['nests brackets', call("return eval('(' * 10 ** 5 + ')' * 10 ** 5)"), 'limit'],
  [
    'compares nested lists',
    call('x = y = []\nfor i in range(10 ** 5): x, y = [x], [y]\nreturn x == y'),
    'limit',
  ],
  ['floods its output', call("while True: print('x' * 1000)"), 'limit'],
  ['floods its errors', call("import sys\nwhile True: sys.stderr.write('x' * 1000)"), 'limit'],
  ['returns much text', call("return 'x' * 10 ** 6"), 'limit'],
  [
    'returns bombs of Unicode',
    call("return ['\\u202e\\ud800\\x00' + 'a\\u0300' * 200000]"),
    'limit',
  ],
  [
    'has a hostile repr',
    call(
      'class A:\n    def __str__(self): return self.__str__()\n    __repr__ = __str__\nraise Exception(A())',
    ),
    'limit',
  ],
  [
    'has a hostile equality',
    call('class A(int):\n    def __int__(self):\n        while True: pass\nreturn A(3)'),
    'limit',
  ],
]

export const javascript = (canary: string, port: number): Attack[] => [
  [
    'reads a file',
    js(`return require('fs').readFileSync(${JSON.stringify(canary)}, 'utf8')`),
    'reach',
  ],
  ['runs a process', js("return require('child_process').execSync('ls')"), 'reach'],
  ['reads the environment', js('return process.env'), { value: '{}' }],
  [
    'leaves through a constructor',
    js("return [].constructor.constructor('return process')().binding('fs')"),
    'reach',
  ],
  [
    'leaves through Function',
    js("return Function('return this')().process.mainModule.require('fs')"),
    'reach',
  ],
  ['leaves through eval', js("return (0, eval)('import.meta')"), 'reach'],
  ['imports a module', js("return import('node:fs')"), 'reach'],
  ['fetches', js(`return fetch('http://127.0.0.1:${port}')`), 'reach'],
  ['opens a web socket', js(`return new WebSocket('ws://127.0.0.1:${port}')`), 'reach'],
  ['imports std of QuickJS', js("return import('std')"), 'reach'],
  ['loads WebAssembly', js('return new WebAssembly.Module(new Uint8Array(8))'), 'reach'],
  [
    'leaves through an error',
    js('try { null.x } catch (e) { return e.constructor.constructor("return process.exit(3)")() }'),
    'reach',
  ],
  [
    'leaves through a host function',
    js('return console.log.constructor("return process.mainModule")().require("fs")'),
    'reach',
  ],
  [
    'pollutes prototypes',
    js(
      "Object.prototype.value = 'forged'; Array.prototype.push = () => 0; String.prototype.slice = () => 'x'; return {}",
    ),
    { value: /^\{/ },
  ],
  [
    'pollutes through JSON',
    js(
      'return JSON.parse(\'{"__proto__": {"error": "x"}, "constructor": {"prototype": {"y": 1}}}\')',
    ),
    { value: /constructor/ },
  ],
  [
    'replaces the driver',
    js('globalThis.Map = globalThis.Promise = globalThis.Object = undefined; return 1'),
    { value: '1' },
  ],
  ['has a hostile getter', js('return { get x() { for (;;); } }'), 'limit'],
  [
    'has a hostile proxy',
    js(
      "return new Proxy({}, { ownKeys() { throw new Error('no') }, getPrototypeOf() { for (;;); } })",
    ),
    'limit',
  ],
  [
    'has a hostile error',
    js('throw { get message() { for (;;); }, get name() { for (;;); } }'),
    'limit',
  ],
  ['throws a function', js('throw () => 1'), 'limit'],
  ['loops', js('for (;;);'), 'limit'],
  ['loops and catches', js('for (;;) try { for (;;); } catch {} finally { continue }'), 'limit'],
  ['never settles', js('return new Promise(() => {})'), 'limit'],
  [
    'makes promises forever',
    js('const again = () => Promise.resolve().then(again); return again()'),
    'limit',
  ],
  ['sets timers forever', js('setInterval(() => {}, 1); return 1'), 'limit'],
  ['computes a huge power', js('return 9n ** 9n ** 9n'), 'limit'],
  ['matches an exploding expression', js("return /^(a+)+$/.test('a'.repeat(60) + 'b')"), 'limit'],
  ['takes a huge array', js('return new Array(1e9).fill(1)'), 'limit'],
  ['takes a huge buffer', js('return new Uint8Array(4e9)'), 'limit'],
  ['repeats a string', js("return 'x'.repeat(1e9)"), 'limit'],
  ['doubles a string', js("let s = 'x'; for (;;) s += s"), 'limit'],
  ['recurses', js('return f()'), 'limit'],
  ['recurses in a sort', js('return [2, 1].sort(() => f())'), 'limit'],
  [
    'recurses in JSON',
    js('let x = []; for (let i = 0; i < 1e6; i++) x = [x]; return JSON.stringify(x)'),
    'limit',
  ],
  ['nests arrays', js('let x = []; for (let i = 0; i < 1e5; i++) x = [x]; return x'), 'limit'],
  ['contains itself', js('const x = {}; x.x = x; return x'), 'limit'],
  [
    'returns an endless generator',
    js('return (function* () { for (;;) yield 1 })()'),
    { value: /^iterator\[1, 1, .*\.\.\.\]$/ },
  ],
  ['floods its output', js("for (;;) console.log('x'.repeat(1000))"), 'limit'],
  [
    'floods its output and catches',
    js("for (;;) try { console.log('x'.repeat(1e6)) } catch {}"),
    'limit',
  ],
  ['forges messages on its output', js(`console.log('{"id":0,"done":true}')`), { value: /done/ }],
  ['exits', js('process.exit(3)'), 'limit'],
]
