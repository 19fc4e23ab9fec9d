// A model opened without its weights, to ask llama.cpp how much memory contexts would take.
#pragma once
#include "context.h"

// Only one thread at a time may use a plan, but any thread may call `mapped` and `mostCells`.
class Plan {
public:
    // The most cells that can be measured, since llama.cpp uses about 50 bytes per cell even without allocating.
    static constexpr int32_t MOST_MEASURED = 1 << 20;

    // Reads the header and the vocabulary (0.3 to 0.6 s for 150,000 tokens) without allocating weights. `params` are
    // those for loading the model. Errors: unknown-device, out-of-memory, bad-model; bad-combination if no context can
    // be made.
    explicit Plan(const LoadParams & params);

    struct Measure {
        uint32_t cells; // as rounded up by llama.cpp
        uint64_t logitRowBytes;
        bool canShift; // see ContextInfo
        std::vector<DeviceMemory> devices;
    };

    // Validates parameters without calling llama.cpp. Errors: bad-combination, out-of-range.
    static void check(const ContextParams & params);
    // Returns the memory that a context takes, weights included. While measuring, llama.cpp allocates the logits of a
    // step (`llama_n_seq_max` rows) and about 50 bytes per cell; the rest is only computed. Errors: those of `check`;
    // out-of-memory, also beyond `mostCells`.
    Measure measure(const ContextParams & params) const;

    // Returns the most cells of this type that a GPU can hold: a layer's keys must fit into one of its buffers,
    // otherwise llama.cpp aborts. Context::MAX_CELLS if there is no limit. Errors: out-of-range.
    int32_t mostCells(const std::string & kvType) const;

    // Names of the weights that are used directly from the mapped file: those on the CPU, in the file's layout.
    const std::vector<std::string> & mapped() const { return mappedNames; }

private:
    std::unique_ptr<llama_model, void (*)(llama_model *)> model;
    std::vector<std::string> mappedNames;
    struct Cache {
        ggml_backend_device * gpu;
        int64_t width; // elements per cell of the widest tensor
    };
    std::vector<Cache> caches;

    std::unique_ptr<llama_context, void (*)(llama_context *)>
    open(const llama_context_params & params) const;
    void readGraph();
};
