#include "context.h"
#include "attention.h"
#include "batch.h"
#include "context-params.h"
#include "crowd.h"
#include "llama.h"
#include "log-codes.h"
#include "log.h"
#include "threads.h"
#include <algorithm>

int32_t Context::maxSequences() {
    return (int32_t) llama_max_parallel_sequences() - SCRATCH;
}

void Context::check(const Model & model, const ContextParams & params) {
    llamaContextParams(model, params);
}

Context::Context(std::shared_ptr<const Model> model, const ContextParams & params,
                 std::shared_ptr<const StopFlag> leaving)
    : Context(model, llamaContextParams(*model, params), params.paced, std::move(leaving),
              params.attention ? std::make_unique<AttentionSums>() : nullptr) {}

Context::Context(std::shared_ptr<const Model> from, llama_context_params params, bool paced,
                 std::shared_ptr<const StopFlag> leaving, std::unique_ptr<AttentionSums> attention)
    : model(std::move(from))
    , sequences((int32_t) params.n_seq_max - SCRATCH)
    , outputs((int32_t) params.n_outputs_max)
    , paced(paced)
    , quantised(ggml_is_quantized(params.type_k))
    , swaFull(params.swa_full)
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
    latest.canShift = llama_memory_can_move(memory()) && shiftsExactly();
    refreshInfo();
}

Context::~Context() = default;

void Context::computeOn(int32_t count) {
    llama_detach_threadpool(ctx.get());
    if (pool) replaced.push_back(std::move(pool));
    pool = std::make_unique<Threads>(count);
    llama_set_n_threads(ctx.get(), count, count);
    if (pool->pool()) llama_attach_threadpool(ctx.get(), pool->pool(), nullptr);
    std::lock_guard<std::mutex> lock(infoMutex);
    latest.threads = count;
}

bool Context::onlyCpu() const {
    return latest.devices.size() == 1;
}

void Context::setThreads(int32_t count, bool yields) {
    const int32_t threads = threadsOf(*model, count);
    if (crowd && crowd->is(threads, yields)) return;
    crowd = threads > 1 && onlyCpu() ? std::make_unique<Crowd>(threads, yields) : nullptr;
    if (threads != llama_n_threads(ctx.get())) computeOn(threads);
}

int32_t Context::batchSize() const {
    return (int32_t) llama_n_batch(ctx.get());
}

// Tests that a shift makes of K at one position what it is at another. llama.cpp does not know of every model which layers
// have RoPE, and of which kind: on others it would shift without an error. A sequence's first token attends only to itself,
// so only its K depends on its position.
bool Context::shiftsExactly() {
    constexpr int32_t FAR = 4000;
    constexpr float DIFFERENT =
        0.3f; // more than two roundings to Q4_0; a wrong rotation of a quarter of K is 0.7
    const int32_t moved = holder(), there = moved + 1;
    Batch batch(2);
    batch.add(0, 0, moved, true);
    batch.add(0, FAR, there, true);
    bool exact = compute(batch, nullptr) == Step::DONE;
    if (exact) {
        llama_memory_seq_add(memory(), moved, -1, -1, FAR);
        latest.lost = !llama_memory_apply_shifts(ctx.get());
        exact = !latest.lost && llama_memory_k_distance(memory(), moved, there) < DIFFERENT;
    }
    clear();
    return exact;
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
    info.canShift = latest.canShift;
    info.lost = latest.lost;
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

void Context::requireUsable() const {
    require(!latest.lost, "decode-failed", "The context is lost: moving cells failed halfway");
}

const char * Context::cannotJoin() const {
    if (const char * why = model->cannotJoin()) return why;
    return model->slidingWindow && !swaFull ? "sliding-window" : nullptr;
}

void Context::copy(int32_t from, int32_t to, int32_t end, int32_t start) {
    requireSequence(from, "from");
    requireSequence(to, "to");
    requireUsable();
    if (from == to) return;
    const bool toEnd = end < 0 || end > lastPosition(from), whole = toEnd && start <= 0;
    if (!whole)
        if (const char * why = cannotJoin())
            throw CodedError(
                "cannot-join",
                std::string("Part of a sequence cannot be shared: the model's memory is ") + why);
    const bool fresh = lastPosition(to) < 0;
    llama_memory_seq_cp(memory(), from, to, start <= 0 ? -1 : start, toEnd ? -1 : end);
    const auto kept = tail(from);
    if (fresh && whole && kept)
        tails[to] = kept;
    else
        tails.erase(to);
}

void Context::clear() {
    tails.clear();
    llama_memory_clear(memory(), false);
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

void Context::requireMovable(int32_t seq, int32_t start, int32_t end, int32_t delta) const {
    requireSequence(seq, "seq");
    requireUsable();
    require(latest.canShift, "cannot-join", "This context cannot move cells");
    require(!quantised, "internal", "Cells with a quantised K are copied, not moved");
    require(start >= 0 && end >= start && start + (int64_t) delta >= 0 &&
                end + (int64_t) delta <= INT32_MAX,
            "internal", "Cells would move to positions that do not exist");
    require(llama_memory_seq_count(memory(), seq, start, end, false) == end - start, "internal",
            "Cells that would move do not exist");
    require(llama_memory_seq_count(memory(), seq, start, end, true) == 0, "internal",
            "Another sequence holds cells that would move");
    const int32_t low = delta < 0 ? start + delta : end, high = delta < 0 ? start : end + delta;
    require(llama_memory_seq_count(memory(), seq, low, high, false) == 0, "internal",
            "Cells would move to where others are");
}

void Context::move(int32_t seq, int32_t start, int32_t end, int32_t delta) {
    requireMovable(seq, start, end, delta);
    llama_memory_seq_add(memory(), seq, start, end, delta);
}

void Context::copyRange(int32_t from, int32_t start, int32_t end, int32_t delta) {
    requireSequence(from, "from");
    requireUsable();
    require(latest.canShift, "cannot-join", "This context cannot copy cells");
    require(start >= 0 && end >= start && start + (int64_t) delta >= 0 &&
                end + (int64_t) delta <= INT32_MAX,
            "internal", "Cells would be copied to positions that do not exist");
    require(llama_memory_seq_count(memory(), from, start, end, false) == end - start, "internal",
            "Cells to copy do not exist");
    constexpr int32_t CHUNK = 256; // bounds the memory of the copy in between
    const int32_t part = holder() + 1;
    std::vector<uint8_t> state;
    for (int32_t at = start; at < end; at += CHUNK) {
        llama_memory_seq_cp(memory(), from, part, at, std::min(end, at + CHUNK));
        state.resize(llama_state_seq_get_size(ctx.get(), part));
        const size_t size = llama_state_seq_get_data(ctx.get(), state.data(), state.size(), part);
        llama_memory_seq_rm(memory(), part, -1, -1);
        require(size > 0 && size == state.size(), "internal", "Cells cannot be read");
        require(llama_state_seq_set_data(ctx.get(), state.data(), size, part) > 0, "out-of-cells",
                "The context is too small for a copy of " + std::to_string(end - start) + " cells");
        llama_memory_seq_add(memory(), part, -1, -1, delta);
        llama_memory_seq_cp(memory(), part, holder(), -1, -1);
        llama_memory_seq_rm(memory(), part, -1, -1);
    }
}

void Context::applyMoves() {
    engineLog::clear();
    if (llama_memory_apply_shifts(ctx.get())) return;
    {
        std::lock_guard<std::mutex> lock(infoMutex);
        latest.lost = true;
    }
    throw CodedError("decode-failed",
                     "Moving cells failed, and the context is lost: " + engineLog::lastError());
}

void Context::shareCopies(int32_t seq, int32_t start, int32_t end) {
    llama_memory_seq_cp(memory(), holder(), seq, start, end);
    tails.erase(seq);
}

void Context::dropCopies() {
    llama_memory_seq_rm(memory(), holder(), -1, -1);
    llama_memory_seq_rm(memory(), holder() + 1, -1, -1);
}

void Context::shift(int32_t seq, int32_t start, int32_t delta) {
    const int32_t end = lastPosition(seq) + 1;
    if (start >= end || delta == 0) return;
    move(seq, start, end, delta);
    applyMoves();
}

void Context::copyMoved(int32_t from, int32_t to, int32_t start, int32_t delta) {
    requireSequence(to, "to");
    const int32_t end = lastPosition(from) + 1, last = lastPosition(to);
    require(from != to, "internal", "A sequence cannot be copied behind itself");
    if (start >= end) return;
    require(last < 0 || start + (int64_t) delta == last + 1, "internal",
            "A copy must follow the last position");
    try {
        copyRange(from, start, end, delta);
        applyMoves();
    } catch (...) {
        dropCopies();
        throw;
    }
    llama_memory_seq_cp(memory(), holder(), to, -1, -1);
    dropCopies();
    const auto kept = tail(from);
    if (kept)
        tails[to] = kept;
    else
        tails.erase(to);
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
    require(batch.size() <= batchSize() && batch.rows() <= outputs, "internal",
            "A step has too many tokens or rows of logits");
    const llama_pos * positions = batch.batch.pos;
    const bool beyond = std::any_of(positions, positions + batch.size(), [&](llama_pos position) {
        return position >= model->positions;
    });
    if (beyond) return Step::NO_CELLS;
    owner = whose;
    const auto started = Clock::now();
    const double processor = crowd ? processorMs() : 0;
    const int32_t status = llama_decode(ctx.get(), batch.batch);
    owner = nullptr;
    if (status == 0) replaced.clear();
    if (crowd && crowd->note(msSince(started), processorMs() - processor, Clock::now())) {
        const int32_t before = llama_n_threads(ctx.get());
        if (crowd->threads() != before) computeOn(crowd->threads());
        if (crowd->threads() <= before) crowdedThreads = crowd->threads();
    }
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
