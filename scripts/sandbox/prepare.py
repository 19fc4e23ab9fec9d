"""Runs once, when the image is built: loads what programs may import, and removes the rest.

After this, an import finds modules that are loaded or compiled in and reads no file.
"""

import gc
import sys
import types

LOADED = """
abc argparse array ast base64 binascii bisect builtins calendar cmath codecs collections collections.abc
colorsys contextlib contextvars copy csv dataclasses datetime decimal difflib enum errno fileinput fnmatch fractions
functools gc graphlib hashlib heapq hmac html inspect io ipaddress itertools json keyword locale logging math
numbers operator os os.path pathlib pprint queue random re reprlib secrets shlex signal statistics string stringprep
struct sys textwrap threading time timeit token tokenize traceback types typing unicodedata uuid warnings
weakref zlib _strptime
encodings.ascii encodings.base64_codec encodings.cp1252 encodings.hex_codec encodings.idna
encodings.latin_1 encodings.punycode encodings.raw_unicode_escape encodings.rot_13
encodings.unicode_escape encodings.utf_16 encodings.utf_16_be encodings.utf_16_le encodings.utf_32
encodings.utf_8 encodings.utf_8_sig
""".split()

# What reaches JavaScript, the network, other processes or native code.
REMOVED = (
    "js",
    "_ctypes",
    "_pyodide",
    "_pyodide_core",
    "asyncio",
    "concurrent",
    "ctypes",
    "importlib.metadata",
)
REMOVED += (
    "micropip",
    "pyodide",
    "pyodide_js",
    "select",
    "selectors",
    "socket",
    "ssl",
    "subprocess",
    "zipimport",
)

for name in LOADED:
    __import__(name)

driver = types.ModuleType("_braid")
exec(compile(SOURCE, "<sandbox>", "exec"), driver.__dict__)

import importlib.machinery

sys.meta_path[:] = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter]
sys.path[:] = []
sys.path_hooks.clear()
sys.path_importer_cache.clear()
sys.excepthook = sys.__excepthook__
for name in list(sys.modules):
    if any(name == one or name.startswith(one + ".") for one in REMOVED):
        del sys.modules[name]
sys.modules["_braid"] = driver
# The interpreter has these compiled in; an import says that they are missing.
for name in ("_ctypes", "_socket", "_posixsubprocess", "_pyodide_core", "select"):
    sys.modules[name] = None
sys.argv[:] = ["program"]
sys.modules["os"].environ.clear()
for name in [name for name in globals() if not name.startswith("__")]:
    del globals()[name]
__import__("gc").collect()
