// Devices of other machines, reached over ggml's RPC backend. They are not among `devices::list`: what llama.cpp asks of
// them waits for the network, and the backend ends the process if a connection ends.
#pragma once
#include <string>
#include <vector>

struct ggml_backend_device;

namespace workers {
// Connects to a worker's RPC server, whose backend must be loaded, and returns the names of its devices: NAME, or NAME/1,
// NAME/2, ... if it has several. Further calls for an endpoint return the same. Errors: native-missing, unknown-device if
// the worker has none.
std::vector<std::string> add(const std::string & name, const std::string & endpoint);
// Lets the connection end once no model uses it; without `add`, each operation of ggml would make its own.
void release(const std::string & name);
// Returns the device of this name. Errors: unknown-device.
ggml_backend_device * device(const std::string & name);
// Returns the name of any device; ggml's own name if it belongs to no worker.
std::string nameOf(ggml_backend_device * device);
} // namespace workers
