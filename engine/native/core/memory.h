// Memory of a context by device, as llama.cpp allocates it, or would if the model was opened without allocating.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

struct ggml_backend_buffer_type;
struct ggml_backend_device;
struct llama_context;

// Sizes in bytes.
struct DeviceMemory {
    std::string device; // its name (workers.h); "CPU" for the system's memory
    uint64_t weights = 0;
    uint64_t repacked = 0; // part of `weights`: copied into a CPU-specific layout
    uint64_t kv = 0;
    uint64_t compute = 0; // buffers of the graph and, on the CPU, the logits of a step
};

// Returns the GPU that a buffer type belongs to; null for memory that the CPU can read, including CPU-specific layouts.
ggml_backend_device * gpuOf(ggml_backend_buffer_type * type);

// Returns one entry per device, the CPU first.
std::vector<DeviceMemory> memoryOf(const llama_context * ctx);

// Returns the bytes of a row of logits.
uint64_t logitRowBytes(const llama_context * ctx);
