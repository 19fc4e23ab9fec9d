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
// Loads the best CPU variant in a folder. false: none runs here.
bool loadCpuBackend(const std::string & folder);
std::vector<Device> list();
// Computes a little; false: it failed, or the result is wrong. ggml ends the process where the driver cannot run the
// backend's kernels. Errors: unknown-device.
bool computes(const std::string & name);
} // namespace devices
