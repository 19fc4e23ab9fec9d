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
// Returns false if the library cannot be loaded on this machine.
bool loadBackend(const std::string & path);
// Returns the ggml_backend_score of a backend's library, which libraries with processor variants export.
// 0: the library cannot run here. 1: it has no score.
int backendScore(const std::string & path);
std::vector<Device> list();
// Tests a device with a small computation; returns false if it fails or its result is wrong. ggml aborts the process if
// the driver cannot run the backend's kernels. Errors: unknown-device.
bool computes(const std::string & name);
} // namespace devices
