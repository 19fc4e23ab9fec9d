# Sourced by the scripts beside it: the Python environment, made on first use. Sets $python.
#   BRAID_VENV   its folder (default: .venv beside this file)
venv="${BRAID_VENV:-.venv}"
python="$venv/bin/python"
if ! "$python" -c "import torch, gguf, regex, safetensors, tokenizers, pytest" 2>/dev/null; then
  echo "Making the Python environment in $venv (PyTorch is large: some minutes)"
  python3 -m venv "$venv" || { echo "Needed: Python 3.10 or newer with venv (Debian: apt install python3-venv)" >&2; exit 1; }
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
fi
