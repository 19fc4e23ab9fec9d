#include "context.h"
#include "attention.h"
#include "batch.h"
#include "context-params.h"
#include "llama.h"
#include "log-codes.h"
#include "log.h"
#include "threads.h"

int32_t Context::maxSequences() {
    return (int32_t) llama_max_parallel_sequences();
}

void Context::check(const Model & model, const ContextParams & params) {
    llamaContextParams(model, params);
}

Context::Context(std::shared_ptr<const Model> model, const ContextParams & params,
                 std::shared_ptr<const StopFlag> leaving)
    : Context(model, llamaContextParams(*model, params), std::move(leaving),
              params.attention ? std::make_unique<AttentionSums>() : nullptr) {}

Context::Context(std::shared_ptr<const Model> from, llama_context_params params,
                 std::shared_ptr<const StopFlag> leaving, std::unique_ptr<AttentionSums> attention)
    : model(std::move(from))
    , sequences((int32_t) params.n_seq_max)
    , batchSize((int32_t) params.n_batch)
    , outputs((int32_t) params.n_outputs_max)
    , leaving(std::move(leaving))
    , observed(std::move(attention))
    , ctx(nullptr, llama_free) {
    params.cb_eval_user_data = observed.get();
    engineLog::clear();
    ctx.reset(llama_init_from_model(model->handle, params));
    if (!ctx) throw logCodes::failure("bad-combination", "The context cannot be made");
    latest.flashAttention = params.flash_attn_type == LLAMA_FLASH_ATTN_TYPE_AUTO
                                ? logCodes::flashAttentionEnabled()
                                : params.flash_attn_type == LLAMA_FLASH_ATTN_TYPE_ENABLED;
    computeOn(llama_n_threads(ctx.get()));
    llama_set_abort_callback(
        ctx.get(),
        [](void * data) {
            const Context & c = *static_cast<Context *>(data);
            return c.leaving->raised() || (c.owner && c.owner->raised());
        },
        this);
    refreshInfo();
}

Context::~Context() = default;

void Context::computeOn(int32_t count) {
    llama_detach_threadpool(ctx.get());
    pool = std::make_unique<Threads>(count);
    llama_set_n_threads(ctx.get(), count, count);
    if (pool->pool()) llama_attach_threadpool(ctx.get(), pool->pool(), nullptr);
}

void Context::setThreads(int32_t count) {
    const int32_t threads = threadsOf(*model, count);
    if (threads == llama_n_threads(ctx.get())) return;
    computeOn(threads);
    refreshInfo();
}

llama_memory_i * Context::memory() const {
    return llama_get_memory(ctx.get());
}

ContextInfo Context::info() const {
    std::lock_guard<std::mutex> lock(infoMutex);
    return latest;
}

void Context::refreshInfo() {
    ContextInfo info{};
    info.cells = (int32_t) llama_n_ctx(ctx.get());
    info.threads = llama_n_threads(ctx.get());
    info.flashAttention = latest.flashAttention;
    info.devices = memoryOf(ctx.get());
    for (const DeviceMemory & one : info.devices) {
        info.weightBytes += one.weights;
        info.kvBytes += one.kv;
        info.computeBytes += one.compute;
    }
    std::lock_guard<std::mutex> lock(infoMutex);
    latest = std::move(info);
}

void Context::requireSequence(int32_t seq, const char * name) const {
    if (seq < 0 || seq >= sequences)
        throw CodedError("out-of-range", std::string(name) + " must be between 0 and " +
                                             std::to_string(sequences - 1) + ", got " +
                                             std::to_string(seq));
}

int32_t Context::lastPosition(int32_t seq) const {
    requireSequence(seq, "seq");
    return llama_memory_seq_pos_max(memory(), seq);
}

void Context::setThought(int32_t seq, int32_t row) {
    requireSequence(seq, "seq");
    if (model->thoughtRows == 0) return; // without a table, the embedding is zero
    if (!llama_set_thought(ctx.get(), seq, row))
        throw CodedError("out-of-range", "Thought " + std::to_string(row) +
                                             " has no row: the model's tables have " +
                                             std::to_string(model->thoughtRows));
}

void Context::copy(int32_t from, int32_t to, int32_t end) {
    requireSequence(from, "from");
    requireSequence(to, "to");
    if (from == to) return;
    const bool whole = end < 0 || end > lastPosition(from);
    if (!whole)
        if (const char * why = model->cannotJoin())
            throw CodedError(
                "cannot-join",
                std::string("Part of a sequence cannot be shared: the model's memory is ") + why);
    const bool fresh = lastPosition(to) < 0;
    llama_memory_seq_cp(memory(), from, to, -1, whole ? -1 : end);
    const auto kept = tail(from);
    if (fresh && whole && kept)
        tails[to] = kept;
    else
        tails.erase(to);
}

void Context::remove(int32_t seq, int32_t from) {
    requireSequence(seq, "seq");
    tails.erase(seq);
    require(llama_memory_seq_rm(memory(), seq, from <= 0 ? -1 : from, -1), "cannot-join",
            "Part of a sequence cannot be removed from this model's memory");
}

void Context::takeBack(int32_t seq, int32_t from) {
    requireSequence(seq, "seq");
    tails.erase(seq);
    llama_memory_seq_rm(memory(), seq, from, -1);
}

bool Context::shareCell(int32_t from, int32_t seq, int32_t position) {
    requireSequence(from, "from");
    requireSequence(seq, "seq");
    if (lastPosition(from) < position ||
        !llama_memory_seq_rm(memory(), seq, position, position + 1))
        return false;
    llama_memory_seq_cp(memory(), from, seq, position, position + 1);
    return true;
}

std::shared_ptr<std::vector<float>> Context::tail(int32_t seq) const {
    const auto kept = tails.find(seq);
    return kept == tails.end() ? nullptr : kept->second;
}

void Context::keepTail(int32_t seq, const float * logits) {
    if (logits)
        tails[seq] = std::make_shared<std::vector<float>>(logits, logits + model->vocabSize);
    else
        tails.erase(seq);
}

Step Context::compute(const Batch & batch, const StopFlag * whose) {
    require(batch.rows() <= outputs, "internal", "A step has too many rows of logits");
    owner = whose;
    const int32_t status = llama_decode(ctx.get(), batch.batch);
    owner = nullptr;
    switch (status) {
    case 0:
        return Step::DONE;
    case 1:
        return Step::NO_CELLS;
    case 2:
        return Step::ABORTED;
    default:
        return Step::FAILED;
    }
}

float * Context::logits(int32_t i) const {
    return llama_get_logits_ith(ctx.get(), i);
}
