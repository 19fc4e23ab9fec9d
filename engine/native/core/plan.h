// A model opened without its weights, to ask llama.cpp what contexts of it would take.
#pragma once
#include "llama.h"
#include "memory.h"
#include <memory>

// Used by one thread at a time.
class Plan {
public:
    // Reads the header and the vocabulary (0.3 to 0.6 s for 150,000 tokens), allocates no weights. `params` as for loading the
    // model. Errors: `out-of-memory`, `bad-model`; `bad-combination` where no context can be made of it.
    Plan(const std::string & path, llama_model_params params);

    struct Measure {
        uint32_t cells; // llama.cpp rounds up
        uint64_t logitRowBytes;
        std::vector<DeviceMemory> devices;
    };

    // Returns what a context takes, weights included. The logits of a step (`llama_n_seq_max` rows) are allocated meanwhile, and
    // about 50 bytes per cell; all else is only computed. Errors: `out-of-memory` (also beyond `mostCells`), `bad-combination`.
    Measure measure(const llama_context_params & params) const;

    // The most cells of this type that a GPU can hold: a layer's keys must fit into one of its buffers, and llama.cpp aborts
    // where they do not. `anyCells` where nothing limits them.
    uint32_t mostCells(ggml_type type) const;
    static constexpr uint32_t anyCells = 1u << 28;

    // Names of the weights that stay where the file is mapped: those in memory that the CPU can read, in the file's own layout.
    const std::vector<std::string> & mapped() const { return mappedNames; }

private:
    using Context = std::unique_ptr<llama_context, void (*)(llama_context *)>;
    std::unique_ptr<llama_model, void (*)(llama_model *)> model;
    std::vector<std::string> mappedNames;
    struct Cache {
        ggml_backend_dev_t gpu;
        int64_t width; // elements per cell of its widest tensor
    };
    std::vector<Cache> caches;
    Context open(const llama_context_params & params) const;
    void readGraph();
};
