#include "plan.h"
#include "error.h"
#include "ggml-backend.h"
#include "llama-ext.h"
#include "../src/log.h"
#include <set>

namespace {

CodedError failure(const char * what, const char * code) {
    const std::string why = engineLog::lastError();
    const bool memory = why.find("alloc") != std::string::npos || engineLog::saw("out of memory");
    return CodedError(memory ? "out-of-memory" : code,
                      what + (why.empty() ? "llama.cpp gives no reason" : why));
}

} // namespace

Plan::Plan(const std::string & path, llama_model_params params)
    : model(nullptr, llama_model_free) {
    params.no_alloc = true;
    params.load_mode = LLAMA_LOAD_MODE_NONE; // no_alloc asserts that nothing is mapped
    engineLog::clear();
    model.reset(llama_model_load_from_file(path.c_str(), params));
    if (!model) throw failure("The model cannot be loaded: ", "bad-model");
    findMapped();
}

Plan::Context Plan::open(const llama_context_params & params) const {
    engineLog::clear();
    Context ctx(llama_init_from_model(model.get(), params), llama_free);
    if (!ctx) throw failure("The context cannot be made: ", "bad-combination");
    return ctx;
}

Plan::Measure Plan::measure(const llama_context_params & params) const {
    const Context ctx = open(params);
    return {llama_n_ctx(ctx.get()), logitRowBytes(ctx.get()), memoryOf(ctx.get())};
}

// The graph of the smallest context names every weight that a step reads.
void Plan::findMapped() {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = params.n_seq_max = params.n_outputs_max = 1;
    params.kv_unified = true;
    params.no_perf = true;
    const Context ctx = open(params);
    ggml_cgraph * graph = llama_graph_reserve(ctx.get(), 1, 1, 1);
    if (!graph) throw failure("The graph cannot be built: ", "bad-combination");
    std::set<std::string> names;
    for (int i = 0; i < ggml_graph_n_nodes(graph); i++)
        for (const ggml_tensor * source : ggml_graph_node(graph, i)->src) {
            if (!source) continue;
            const ggml_tensor * weight = source->view_src ? source->view_src : source;
            ggml_backend_buffer_t buffer = weight->buffer;
            if (buffer && ggml_backend_buffer_get_usage(buffer) == GGML_BACKEND_BUFFER_USAGE_WEIGHTS &&
                ggml_backend_buft_is_host(ggml_backend_buffer_get_type(buffer)))
                names.insert(ggml_get_name(weight));
        }
    mappedNames.assign(names.begin(), names.end());
}
