// A model opened without its weights, to ask llama.cpp what contexts of it would take.
#pragma once
#include "context.h"

// Used by one thread at a time, but for `mapped` and `mostCells`: any thread.
class Plan {
public:
    // Plans are measured at most at this many cells: llama.cpp keeps about 50 bytes of its own per cell even without allocating.
    static constexpr int32_t MOST_MEASURED = 1 << 20;

    // Reads the header and the vocabulary (0.3 to 0.6 s for 150,000 tokens), allocates no weights. `params` as for loading the
    // model. Errors: unknown-device, out-of-memory, bad-model; bad-combination where no context can be made of it.
    explicit Plan(const LoadParams & params);

    struct Measure {
        uint32_t cells; // llama.cpp rounds up
        uint64_t logitRowBytes;
        std::vector<DeviceMemory> devices;
    };

    // Throws what `measure` would throw before it asks llama.cpp. Errors: bad-combination, out-of-range.
    static void check(const ContextParams & params);
    // Returns what a context takes, weights included. The logits of a step (`llama_n_seq_max` rows) are allocated meanwhile, and
    // about 50 bytes per cell; all else is only computed. Errors: those of `check`; out-of-memory, also beyond `mostCells`.
    Measure measure(const ContextParams & params) const;

    // The most cells of this type that a GPU can hold: a layer's keys must fit into one of its buffers, and llama.cpp aborts
    // where they do not. Context::MAX_CELLS where nothing limits them. Errors: out-of-range.
    int32_t mostCells(const std::string & kvType) const;

    // Names of the weights that stay where the file is mapped: those in memory that the CPU can read, in the file's own layout.
    const std::vector<std::string> & mapped() const { return mappedNames; }

private:
    std::unique_ptr<llama_model, void (*)(llama_model *)> model;
    std::vector<std::string> mappedNames;
    struct Cache {
        ggml_backend_device * gpu;
        int64_t width; // elements per cell of its widest tensor
    };
    std::vector<Cache> caches;

    std::unique_ptr<llama_context, void (*)(llama_context *)>
    open(const llama_context_params & params) const;
    void readGraph();
};
