#include "workers.h"
#include "errors.h"
#include "ggml-cpp.h"
#include "ggml-rpc.h"
#include <map>
#include <mutex>

namespace {
std::mutex mutex;
// Both under mutex.
std::map<std::string, ggml_backend_dev_t> known; // by the names of devices
std::map<std::string, ggml_backend_ptr> held;    // by the names of workers
} // namespace

std::vector<std::string> workers::add(const std::string & name, const std::string & endpoint) {
    ggml_backend_reg_t backend = ggml_backend_reg_by_name("RPC");
    const auto addServer =
        backend ? (decltype(&ggml_backend_rpc_add_server)) ggml_backend_reg_get_proc_address(
                      backend, "ggml_backend_rpc_add_server")
                : nullptr;
    require(addServer, "native-missing", "The RPC backend is not loaded");
    ggml_backend_reg_t server = addServer(endpoint.c_str());
    require(server, "unknown-device", name + " has no device");
    const size_t count = ggml_backend_reg_dev_count(server);
    std::vector<std::string> names;
    ggml_backend_ptr backendOf(ggml_backend_dev_init(ggml_backend_reg_dev_get(server, 0), nullptr));
    std::lock_guard<std::mutex> lock(mutex);
    held[name] = std::move(backendOf);
    for (size_t i = 0; i < count; i++) {
        names.push_back(count == 1 ? name : name + "/" + std::to_string(i + 1));
        known[names.back()] = ggml_backend_reg_dev_get(server, i);
    }
    return names;
}

void workers::release(const std::string & name) {
    std::lock_guard<std::mutex> lock(mutex);
    held.erase(name);
}

ggml_backend_dev_t workers::device(const std::string & name) {
    std::lock_guard<std::mutex> lock(mutex);
    const auto found = known.find(name);
    require(found != known.end(), "unknown-device", "There is no worker named " + name);
    return found->second;
}

std::string workers::nameOf(ggml_backend_dev_t device) {
    std::lock_guard<std::mutex> lock(mutex);
    for (const auto & [name, one] : known)
        if (one == device) return name;
    return ggml_backend_dev_name(device);
}
