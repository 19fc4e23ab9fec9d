#include "plan.h"
#include "context-params.h"
#include "ggml-backend.h"
#include "llama-ext.h"
#include "log-codes.h"
#include "log.h"
#include "model-params.h"
#include <algorithm>
#include <set>

using OwnContext = std::unique_ptr<llama_context, void (*)(llama_context *)>;

Plan::Plan(const LoadParams & load)
    : model(nullptr, llama_model_free) {
    std::vector<ggml_backend_dev_t> devices;
    llama_model_params params = llamaModelParams(load, devices);
    params.no_alloc = true;
    params.load_mode = LLAMA_LOAD_MODE_NONE; // no_alloc requires that nothing is mapped
    engineLog::clear();
    model.reset(llama_model_load_from_file(load.path.c_str(), params));
    if (!model) throw logCodes::failure("bad-model", "The model cannot be loaded");
    readGraph();
}

OwnContext Plan::open(const llama_context_params & params) const {
    engineLog::clear();
    OwnContext ctx(llama_init_from_model(model.get(), params), llama_free);
    if (!ctx) throw logCodes::failure("bad-combination", "The context cannot be made");
    return ctx;
}

void Plan::check(const ContextParams & params) {
    require(params.cells <= MOST_MEASURED, "out-of-range",
            "A context of at most 2^20 cells can be planned");
    llamaContextParams(params);
}

Plan::Measure Plan::measure(const ContextParams & asked) const {
    check(asked);
    const llama_context_params params = llamaContextParams(asked);
    const int32_t most = mostCells(asked.kvType);
    require(asked.cells <= most, "out-of-memory",
            "The KV cache can have " + std::to_string(most) +
                " cells at most: the GPU does not support larger buffers");
    Measure measure;
    {
        const OwnContext ctx = open(params);
        measure = {llama_n_ctx(ctx.get()), logitRowBytes(ctx.get()),
                   llama_memory_can_move(llama_get_memory(ctx.get())), memoryOf(ctx.get())};
    }
    // Without allocating, llama.cpp reports only the graph of a prefill step (llama_context::sched_reserve). With two
    // devices, a step that decodes one token per sequence may copy more, so it is measured too.
    if (measure.devices.size() > 1 && params.n_ubatch > params.n_seq_max) {
        llama_context_params step = params;
        step.n_batch = step.n_ubatch = step.n_outputs_max = params.n_seq_max;
        const OwnContext ctx = open(step);
        for (const DeviceMemory & other : memoryOf(ctx.get()))
            for (DeviceMemory & one : measure.devices)
                if (one.device == other.device) one.compute = std::max(one.compute, other.compute);
    }
    return measure;
}

int32_t Plan::mostCells(const std::string & kvType) const {
    const ggml_type type = kvTypeOf(kvType);
    std::unique_ptr<ggml_context, void (*)(ggml_context *)> memory(
        ggml_init({64 * ggml_tensor_overhead(), nullptr, /* no_alloc */ true}), ggml_free);
    constexpr uint32_t block = 256;
    uint32_t most = Context::MAX_CELLS / block;
    for (const Cache & cache : caches) {
        const auto fits = [&](uint32_t blocks) {
            ggml_reset(memory.get());
            return ggml_backend_dev_supports_op(
                cache.gpu,
                ggml_new_tensor_2d(memory.get(), type, cache.width, (int64_t) blocks * block));
        };
        uint32_t low = 0;
        for (uint32_t high = most; low < high;) {
            const uint32_t middle = low + (high - low + 1) / 2;
            if (fits(middle))
                low = middle;
            else
                high = middle - 1;
        }
        most = low;
    }
    return (int32_t) (most * block);
}

// Reads the names of mapped weights and the widths of the caches from the graph of the smallest context.
void Plan::readGraph() {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = params.n_seq_max = params.n_outputs_max = 1;
    params.kv_unified = true;
    params.no_perf = true;
    const OwnContext ctx = open(params);
    ggml_cgraph * graph = llama_graph_reserve(ctx.get(), 1, 1, 1);
    if (!graph) throw logCodes::failure("bad-combination", "The graph cannot be built");
    std::set<std::string> names;
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++)
        for (const ggml_tensor * source : ggml_graph_node(graph, i)->src) {
            if (!source) continue;
            const ggml_tensor * tensor = source->view_src ? source->view_src : source;
            if (!tensor->buffer) continue;
            ggml_backend_buffer_type_t type = ggml_backend_buffer_get_type(tensor->buffer);
            const std::string name = ggml_get_name(tensor);
            const bool weight =
                ggml_backend_buffer_get_usage(tensor->buffer) == GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
            if (weight && ggml_backend_buft_is_host(type)) names.insert(name);
            if (name.rfind("cache_", 0) != 0) continue;
            ggml_backend_dev_t gpu = gpuOf(type);
            if (!gpu) continue;
            const int64_t width = ggml_nelements(tensor) / llama_n_ctx(ctx.get());
            auto cache = std::find_if(caches.begin(), caches.end(),
                                      [&](const Cache & one) { return one.gpu == gpu; });
            if (cache == caches.end()) cache = caches.insert(caches.end(), {gpu, 0});
            cache->width = std::max(cache->width, width);
        }
    // If a device does not support mapped files, llama.cpp reads the file instead (llama_model_base::load_tensors).
    for (int i = 0; i < llama_model_n_devices(model.get()); i++) {
        ggml_backend_dev_props props;
        ggml_backend_dev_get_props(llama_model_get_device(model.get(), i), &props);
        if (!props.caps.mmap_support) return;
    }
    mappedNames.assign(names.begin(), names.end());
}
