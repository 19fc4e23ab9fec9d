// ggml's backends and their devices.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

struct Device {
    std::string name, description, type, backend; // type: cpu, gpu, igpu, accel
    size_t memoryFree, memoryTotal;               // bytes
};

namespace devices {
// false: the library cannot be loaded on this machine.
bool loadBackend(const std::string & path);
// ggml_backend_score of a backend's library, which it exports where there are variants for several processors. 0: it does
// not run here.
int backendScore(const std::string & path);
std::vector<Device> list();
// Computes a little; false: it failed, or the result is wrong. ggml ends the process where the driver cannot run the
// backend's kernels. Errors: unknown-device.
bool computes(const std::string & name);
} // namespace devices
